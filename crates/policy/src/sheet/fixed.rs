//! Benefits that pay the person beside the bill, in words, and the gate that stands before every benefit.

use bedside_claim::Lang;

use super::Part;
use super::conditions::conditions;
use super::reimbursement::{Writer, account_words};
use super::words::{any_of, cause, days, occurrence, of, over_period, paid_for, period};
use crate::plan::{Answer, Cap, Gate, LumpSum, OpensAfter, PerDiem, Waiting};

impl Writer {
    pub(super) fn gate(&mut self, part: &mut Part, gate: &Gate) {
        let Gate { when, waiting, prior_approval, opens_after } = gate;
        let lang = self.lang();
        let asked = conditions(lang, "gate", when);
        if asked.is_empty() && waiting.is_none() && prior_approval.is_none() && opens_after.is_none() {
            part.fact(
                "gate",
                of(lang, "适用条件", "who it is for"),
                of(lang, "不另设条件", "nothing more is asked").to_owned(),
            );
        }
        part.facts.extend(asked);
        if let Some(Waiting { days, not_for }) = waiting {
            let not_for = any_of(lang, not_for, |word| cause(lang, *word).to_owned());
            let text = match (lang, not_for.is_empty()) {
                (Lang::Zh, true) => "自连续保障首日起算".to_owned(),
                (Lang::Zh, false) => format!("自连续保障首日起算；{not_for}除外"),
                (Lang::En, true) => "from the first day of cover without a gap".to_owned(),
                (Lang::En, false) => {
                    format!("from the first day of cover without a gap; not for {not_for}")
                }
            };
            let label = of(lang, "等待期", "waiting period");
            part.fact("gate.waiting", label, text);
            part.numbers.push(self.numbers.days("gate.waiting.days", label, days));
        }
        if let Some(approval) = prior_approval {
            let text = match approval {
                Answer::Yes => {
                    of(lang, "须保险人事先审核同意", "the insurer must have approved it in advance")
                }
                Answer::No => {
                    of(lang, "须未经保险人事先审核", "the insurer must not have approved it in advance")
                }
            };
            part.fact("gate.prior_approval", of(lang, "事先审核", "prior approval"), text.to_owned());
        }
        if let Some(OpensAfter { cap }) = opens_after {
            let Cap { period: over, limit, account, shared_by } = cap;
            let whose = account_words(lang, account, *shared_by, &part.id);
            let text = match lang {
                Lang::Zh => format!("{}的限额用完之后：{whose}", period(lang, *over)),
                Lang::En => format!("once the limit {} is used up: {whose}", over_period(*over)),
            };
            let label = of(lang, "启用条件", "opens after");
            part.fact("gate.opens_after", label, text);
            let label = of(lang, "须先用完的限额", "limit that must be used up first");
            part.numbers.push(self.numbers.amount("gate.opens_after.limit", label, limit));
        }
    }

    pub(super) fn per_diem(&mut self, part: &mut Part, terms: &PerDiem) {
        let PerDiem { days: kind, rate, waiting_days, stay_days, period_days } = terms;
        let lang = self.lang();
        let text = match lang {
            Lang::Zh => format!("按日津贴，付给本人，按{}计", days(lang, *kind)),
            Lang::En => format!("an allowance for {}, to the person", days(lang, *kind)),
        };
        part.fact("pays", of(lang, "给付方式", "pays"), text);
        let label = of(lang, "每日金额", "a day");
        part.numbers.push(self.numbers.amount("per_diem.rate", label, rate));
        let optional = [
            (
                "per_diem.waiting_days",
                of(lang, "每次住院免赔天数", "first days of each stay not paid"),
                waiting_days,
            ),
            ("per_diem.stay_days", of(lang, "每次住院最多天数", "days paid for one stay at most"), stay_days),
        ];
        for (key, label, number) in optional {
            if let Some(number) = number {
                part.numbers.push(self.numbers.days(key, label, number));
            }
        }
        if let Some((over, number)) = period_days {
            let label = match lang {
                Lang::Zh => format!("最多天数，{}", period(lang, *over)),
                Lang::En => format!("days paid {} at most", over_period(*over)),
            };
            part.numbers.push(self.numbers.days("per_diem.period_days", &label, number));
        }
    }

    pub(super) fn lump_sum(&mut self, part: &mut Part, terms: &LumpSum) {
        let LumpSum { on, sum, share, paid_for: how_often, window_days, less_paid } = terms;
        let lang = self.lang();
        let text = match lang {
            Lang::Zh => format!("定额，付给本人；事件：{}", occurrence(lang, *on)),
            Lang::En => format!("a sum to the person, for {}", occurrence(lang, *on)),
        };
        part.fact("pays", of(lang, "给付方式", "pays"), text);
        let label = of(lang, "给付次数", "how often");
        part.fact("lump_sum.paid_for", label, paid_for(lang, *how_often).to_owned());
        if let Some(account) = less_paid {
            let text = match lang {
                Lang::Zh => format!("扣除本保险期间账户 `{account}` 已给付部分，并计入该账户"),
                Lang::En => format!(
                    "less what account `{account}` paid in this policy period; the payment is added to it"
                ),
            };
            part.fact("lump_sum.less_paid", of(lang, "扣除已给付", "less what was paid"), text);
        }
        part.numbers.push(self.numbers.amount("lump_sum.sum", of(lang, "金额", "sum"), sum));
        if let Some(share) = share {
            let label = of(
                lang,
                "给付比例（原有等级的比例扣除）",
                "share of it (that of a prior grade is taken off)",
            );
            part.numbers.push(self.numbers.rate("lump_sum.share", label, share));
        }
        if let Some(window_days) = window_days {
            let label = of(lang, "距事故不超过", "at most so long after the accident");
            part.numbers.push(self.numbers.days("lump_sum.window_days", label, window_days));
        }
    }
}
