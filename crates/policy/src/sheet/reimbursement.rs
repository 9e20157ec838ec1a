//! A benefit that reimburses, in words: what counts, what comes off, what the bands give, what limits it.

use bedside_claim::{DeductibleRule, Lang, Period};

use super::numbers::{Numbers, amount};
use super::words::{
    any_of, category, deductible_rule, list_date, of, over_period, per, period, pool, shared_by,
};
use super::{AFTER, BandLine, ItemListSheet, ListedLine, Part};
use crate::plan::{
    Amounts, Band, BandEdges, Base, Cap, Decrease, Deductible, DeductibleGroup, Factor, FactorRule, FilledBy,
    InnerLimit, ItemList, Limit, LimitAmount, LineSelector, ListedItem, PaidLimit, Reimbursement, SharedBy,
};

/// What a part is written with: the numbers of the whole sheet, and its lists of items.
pub(super) struct Writer {
    pub(super) numbers: Numbers,
    pub(super) lists: Vec<ItemListSheet>,
}

impl Writer {
    pub(super) fn lang(&self) -> Lang {
        self.numbers.lang
    }

    /// `before`: the names of the benefits of the plan that pay first.
    pub(super) fn reimbursement(&mut self, part: &mut Part, terms: &Reimbursement, before: &[&str]) {
        let Reimbursement { base, deductible, band_edges, bands, factors, limits } = terms;
        let lang = self.lang();
        let kind = of(lang, "报销费用", "reimburses cost");
        part.fact("pays", of(lang, "给付方式", "pays"), kind.to_owned());
        self.base(part, base, before);
        if let Some(deductible) = deductible {
            self.deductible(part, deductible);
        }
        self.bands(part, *band_edges, bands, deductible.is_some());
        for (index, factor) in factors.iter().enumerate() {
            let Factor { rule, rate } = factor;
            let label = match rule {
                FactorRule::Multiply => {
                    of(lang, "系数（乘在各段之和上）", "factor, multiplies what the bands give")
                }
                FactorRule::Replace => of(lang, "替代比例（取代各段比例）", "ratio instead of every band's"),
            };
            let key = format!("factors[{}]", index + 1);
            part.numbers.push(self.numbers.factor(&key, label, rate));
        }
        for (index, limit) in limits.iter().enumerate() {
            self.limit(part, &format!("caps[{}]", index + 1), limit);
        }
        let most = of(
            lang,
            "不超过所计入明细尚未支付的余额",
            "never more than what nobody has paid yet of the lines that count",
        );
        part.fact("indemnity", of(lang, "补偿原则", "indemnity"), most.to_owned());
    }

    fn base(&mut self, part: &mut Part, base: &Base, before: &[&str]) {
        let Base { pools, lines, amounts, period: over, limits, continues } = base;
        let lang = self.lang();
        let label = of(lang, "计入费用", "what counts");
        part.fact("base.pools", label, any_of(lang, pools, |word| pool(lang, *word).to_owned()));
        let selected = self.lines(lines);
        let selected = selected.unwrap_or_else(|| of(lang, "全部明细", "every line").to_owned());
        part.fact("base.lines", of(lang, "计入明细", "of which lines"), selected);
        let amounts = match amounts {
            Amounts::Gross => of(lang, "按发生额，不扣除已支付部分", "as charged, whatever was paid before"),
            Amounts::Net => of(
                lang,
                "扣除之前各层和本方案在前责任已支付的部分",
                "what earlier layers and earlier benefits of the plan left",
            ),
        };
        part.fact("base.amounts", of(lang, "净额或总额", "net or gross"), amounts.to_owned());
        if !before.is_empty() {
            part.fact(AFTER, of(lang, "在前责任", "pays after"), before.join(of(lang, "、", ", ")));
        }
        let counted = match (lang, over) {
            (_, Period::Visit) => of(lang, "单独计算每次就诊", "each visit by itself").to_owned(),
            (Lang::Zh, over) => format!("{}累计", period(lang, *over)),
            (Lang::En, over) => format!("summed up {}", over_period(*over)),
        };
        part.fact("base.period", of(lang, "计算期间", "counted"), counted);
        if let Some(continues) = continues {
            let text = match lang {
                Lang::Zh => format!("责任 `{continues}` 受限额截断后未用到的费用"),
                Lang::En => format!("no more than limits left unused of the base of benefit `{continues}`"),
            };
            part.fact("base.continues", of(lang, "接续", "goes on behind"), text);
        }
        for limit in limits {
            self.inner_limit(part, limit);
        }
    }

    fn inner_limit(&mut self, part: &mut Part, limit: &InnerLimit) {
        let InnerLimit { id, lines, per, period, amount } = limit;
        let lang = self.lang();
        let key = format!("base.limits.{id}");
        let scope = self.limit_scope(lines, *per, *period);
        let name = of(lang, "分项限额", "limit inside");
        part.fact(&key, &format!("{name} `{id}`"), scope);
        let label = format!("{name} `{id}`");
        part.numbers.push(match amount {
            LimitAmount::Money(amount) => self.numbers.amount(&key, &label, amount),
            LimitAmount::Times(times) => self.numbers.times(&key, &label, times),
        });
    }

    fn limit_scope(
        &mut self,
        lines: &LineSelector,
        of_each: bedside_claim::LimitPer,
        over: Period,
    ) -> String {
        let lang = self.lang();
        let lines = self.lines(lines).map_or_else(String::new, |lines| match lang {
            Lang::Zh => format!("（{lines}）"),
            Lang::En => format!(" ({lines})"),
        });
        match lang {
            Lang::Zh => format!("{}，{}{lines}", period(lang, over), per(lang, of_each)),
            Lang::En => format!("{} {}{lines}", per(lang, of_each), over_period(over)),
        }
    }

    /// Which lines, in words; `None` where every line counts.
    fn lines(&mut self, lines: &LineSelector) -> Option<String> {
        let LineSelector { categories, tags, not_tags, listed } = lines;
        let lang = self.lang();
        let tag = |tag: &std::sync::Arc<str>| format!("`{tag}`");
        let mut asked = Vec::new();
        let mut ask = |zh, en, text: String| asked.push(format!("{}{text}", of(lang, zh, en)));
        if !categories.is_empty() {
            ask("费用类别 ", "fee category ", any_of(lang, categories, |word| category(lang, *word)));
        }
        if !tags.is_empty() {
            ask("带标签 ", "tagged ", any_of(lang, tags, tag));
        }
        if !not_tags.is_empty() {
            ask("不带标签 ", "not tagged ", any_of(lang, not_tags, tag));
        }
        if let Some(list) = listed {
            ask("在清单内 ", "on the list ", format!("`{}`", list.citation.parameter));
            self.list(list);
        }
        (!asked.is_empty()).then(|| asked.join(of(lang, "，", ", ")))
    }

    fn list(&mut self, list: &ItemList) {
        let ItemList { citation, items, date } = list;
        let lang = self.lang();
        if self.lists.iter().any(|known| *known.name == *citation.parameter) {
            return;
        }
        let items = items.iter().map(|ListedItem { code, from, until }| ListedLine {
            code: code.to_string(),
            from: *from,
            until: *until,
        });
        let sheet = ItemListSheet {
            name: citation.parameter.to_string(),
            date: list_date(lang, *date).to_owned(),
            cited: self.numbers.cite(citation),
            items: items.collect(),
        };
        self.lists.push(sheet);
    }

    fn deductible(&mut self, part: &mut Part, deductible: &Deductible) {
        let Deductible {
            rule,
            period: over,
            standard,
            decrease,
            account,
            shared_by: shared,
            filled_by,
            group,
        } = deductible;
        let lang = self.lang();
        let name = of(lang, "起付标准（免赔额）", "deductible");
        part.fact("deductible.rule", name, deductible_rule(lang, *rule, *over));
        if *rule != DeductibleRule::PerVisit {
            let counted = account_words(lang, account, *shared, &part.id);
            part.fact("deductible.account", of(lang, "起付标准累计于", "deductible is counted for"), counted);
        }
        let filled = match filled_by {
            FilledBy::Own => of(lang, "仅由本责任计入的费用抵充", "only what this benefit counts"),
            FilledBy::OwnAndCommercial => of(
                lang,
                "本责任计入的费用，以及之前商业保险对同一明细的赔付",
                "what this benefit counts, and what earlier commercial layers paid of the same lines",
            ),
        };
        part.fact(
            "deductible.filled_by",
            of(lang, "起付标准由何抵充", "what fills the deductible"),
            filled.to_owned(),
        );
        part.numbers.push(self.numbers.amount("deductible.standard", name, standard));
        if let Some(Decrease { by, floor }) = decrease {
            let label = of(lang, "起付标准每次就诊递减", "deductible falls with each visit by");
            part.numbers.push(self.numbers.amount("deductible.decrease.by", label, by));
            let label = of(lang, "起付标准递减的下限", "and not below");
            part.numbers.push(self.numbers.amount("deductible.decrease.floor", label, floor));
        }
        if let Some(DeductibleGroup { id, period: over, minimum, maximum }) = group {
            let text = match lang {
                Lang::Zh => format!("`{id}`，{}", period(lang, *over)),
                Lang::En => format!("`{id}`, {}", over_period(*over)),
            };
            part.fact("deductible.group", of(lang, "起付标准合计组", "deductibles together"), text);
            let bounds = [
                ("minimum", of(lang, "组内起付标准合计下限", "deductibles together at least"), minimum),
                ("maximum", of(lang, "组内起付标准合计上限", "deductibles together at most"), maximum),
            ];
            for (key, label, bound) in bounds {
                if let Some(bound) = bound {
                    part.numbers.push(self.numbers.amount(&format!("deductible.group.{key}"), label, bound));
                }
            }
        }
    }

    fn bands(&mut self, part: &mut Part, edges: BandEdges, bands: &[Band], has_deductible: bool) {
        let lang = self.lang();
        if bands.len() > 1 || edges == BandEdges::Base {
            let edges = match edges {
                BandEdges::Base => {
                    of(lang, "按计入费用总额（含起付标准）", "over the whole base, the deductible included")
                }
                BandEdges::Excess => of(lang, "按超过起付标准的部分", "over what exceeds the deductible"),
            };
            part.fact("band_edges", of(lang, "分段依据", "bands are measured"), edges.to_owned());
        }
        for (index, band) in bands.iter().enumerate() {
            let Band { from, until, edge, rate } = band;
            let label = match (lang, until) {
                (_, None) if from.is_zero() && has_deductible => {
                    of(lang, "起付标准以上全部", "all above the deductible").to_owned()
                }
                (_, None) if from.is_zero() => of(lang, "全部计入费用", "all that counts").to_owned(),
                (Lang::Zh, None) => format!("{} 以上", amount(lang, *from)),
                (Lang::Zh, Some(until)) => format!("{from} 至 {}", amount(lang, *until)),
                (Lang::En, None) => format!("above {}", amount(lang, *from)),
                (Lang::En, Some(until)) => format!("{} to {until}", amount(lang, *from)),
            };
            let key = format!("bands[{}]", index + 1);
            let edge = edge.as_ref().map(|citation| self.numbers.cite(citation));
            part.bands.push(BandLine {
                edges: label.clone(),
                edge,
                rate: self.numbers.rate(&key, &label, rate),
            });
        }
    }

    fn limit(&mut self, part: &mut Part, key: &str, limit: &Limit) {
        let lang = self.lang();
        match limit {
            Limit::Cap(cap) => {
                let Cap { period: over, limit, account, shared_by } = cap;
                let label = match lang {
                    Lang::Zh => format!("支付限额，{}", period(lang, *over)),
                    Lang::En => format!("pays at most, {}", over_period(*over)),
                };
                let label = if **account == *part.id { label } else { format!("{label} `{account}`") };
                if *over != Period::Visit {
                    let counted = account_words(lang, account, *shared_by, &part.id);
                    part.fact(key, &format!("{label}{}", of(lang, "，累计于", ", counted for")), counted);
                }
                part.numbers.push(self.numbers.amount(key, &label, limit));
            }
            Limit::Ceiling(rate) => {
                let label = of(
                    lang,
                    "各方支付合计不超过费用总额的",
                    "all payers together at most this part of the whole bill",
                );
                part.numbers.push(self.numbers.rate(key, label, rate));
            }
            Limit::PaidFor(limit) => {
                let PaidLimit { id, lines, per, period, limit } = limit;
                let scope = self.limit_scope(lines, *per, *period);
                let label = format!("{} `{id}`", of(lang, "分项支付限额", "pays at most for"));
                part.fact(key, &label, scope);
                part.numbers.push(self.numbers.amount(key, &label, limit));
            }
        }
    }
}

/// Whose account, and whether other benefits share it.
pub(super) fn account_words(lang: Lang, account: &str, shared: SharedBy, benefit: &str) -> String {
    let whose = shared_by(lang, shared);
    if account == benefit {
        return match lang {
            Lang::Zh => format!("{whose}，仅本责任"),
            Lang::En => format!("{whose}, this benefit alone"),
        };
    }
    match lang {
        Lang::Zh => format!("{whose}，账户 `{account}`（使用同一账户的责任合并计算）"),
        Lang::En => format!("{whose}, account `{account}` (benefits that name it count together)"),
    }
}
