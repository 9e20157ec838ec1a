//! A plan as a claims examiner reads it: facts, numbers with their citations, bands, in Chinese or in English.
//!
//! Every part of the language has its words here, and every type of a plan is taken apart whole, so that what a pack
//! states cannot be left out. It must not know how a sheet is printed, nor what a claim comes to. Invariant: every
//! number on a sheet carries its unit and its citation, and keys are those of the pack file.

mod conditions;
mod fixed;
mod numbers;
mod reimbursement;
mod words;

use std::sync::Arc;

use bedside_claim::{
    BenefitCard, Citation, Condition, Date, Grade, Lang, PackCard, PackStatus, Payer, Period,
};

use self::conditions::{conditions, span};
use self::numbers::Numbers;
use self::reimbursement::Writer;
use self::words::{any_of, date_rule, of, payer_kind, pool, purse};
use crate::plan::{
    Benefit, Jump, JumpOf, Pays, Plan, PurseRule, Stated, StatedNumber, Tail, VersionBy, VisitCount, When,
};
use crate::programme::ProgrammeRule;

/// The key of the benefits that pay first: it follows from where the others stand, and nothing in the pack says it.
pub(crate) const AFTER: &str = "after";

/// When a row holds, in words; nothing where nothing is asked.
pub(crate) fn condition(when: &When) -> Option<Condition> {
    let words = |lang| conditions::in_one_line(lang, when).map(Arc::from);
    Some(Condition { zh: words(Lang::Zh)?, en: words(Lang::En)? })
}

/// A plan in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// `authority/product`.
    pub id: String,
    /// The version's own name.
    pub version: String,
    /// The plan's name.
    pub title: String,
    /// What holds for the whole plan.
    pub head: Part,
    /// The documents cited, numbered from 1 in this order.
    pub sources: Vec<Source>,
    /// The benefits in the order in which they pay.
    pub benefits: Vec<Part>,
    /// Lists of items that benefits ask for.
    pub lists: Vec<ItemListSheet>,
    /// Every parameter, by its name in the pack: its key.
    pub parameters: Vec<Number>,
}

/// A document that numbers are taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its title.
    pub title: String,
    /// How far to trust it.
    pub grade: Grade,
}

/// The plan as a whole, or one of its benefits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The benefit; empty for the plan.
    pub id: String,
    /// Its name.
    pub title: String,
    /// What is stated without a number.
    pub facts: Vec<Fact>,
    /// The numbers, in the order in which they act.
    pub numbers: Vec<Number>,
    /// The bands.
    pub bands: Vec<BandLine>,
}

/// One thing that is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Where it stands in the pack file, from the benefit on: `gate.setting`.
    pub key: String,
    /// What it is.
    pub label: String,
    /// What it says.
    pub text: String,
}

/// A number that may depend on the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Where it is used: `deductible.standard`; of a parameter its name.
    pub key: String,
    /// What it is.
    pub label: String,
    /// In order of precedence: the first row that fits decides.
    pub rows: Vec<NumberRow>,
    /// Where it comes from.
    pub cited: Cited,
}

/// A value and when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    /// When.
    pub conditions: String,
    /// The value with its unit.
    pub value: String,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cited {
    /// The parameter, in the pack that states it.
    pub parameter: String,
    /// Article or place.
    pub article: String,
    /// The document's number among the sheet's sources.
    pub source: usize,
    /// How far to trust it.
    pub grade: Grade,
}

/// A band: its edges and its rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandLine {
    /// From where to where.
    pub edges: String,
    /// Where the upper edge comes from.
    pub edge: Option<Cited>,
    /// The rate.
    pub rate: Number,
}

/// A list of items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemListSheet {
    /// Its name in the pack.
    pub name: String,
    /// The day on which an item must be listed.
    pub date: String,
    /// Where it comes from.
    pub cited: Cited,
    /// In code order.
    pub items: Vec<ListedLine>,
}

/// An item on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedLine {
    /// `med_list_codg`.
    pub code: String,
    /// First day.
    pub from: Date,
    /// First day after.
    pub until: Date,
}

impl Part {
    fn new(id: &str, title: &str) -> Part {
        Part {
            id: id.to_owned(),
            title: title.to_owned(),
            facts: Vec::new(),
            numbers: Vec::new(),
            bands: Vec::new(),
        }
    }

    fn fact(&mut self, key: &str, label: &str, text: String) {
        self.facts.push(Fact { key: key.to_owned(), label: label.to_owned(), text });
    }
}

impl Sheet {
    /// The plan in words; `programmes` are those in which its place is shown.
    pub fn of(plan: &Plan, programmes: &[ProgrammeRule], lang: Lang) -> Sheet {
        let Plan {
            card,
            payer,
            date_rule: _,
            version_by: _,
            term: _,
            tail: _,
            scope: _,
            benefits,
            account: _,
            schedule_amounts: _,
            schedule_rates: _,
            parameters,
        } = plan;
        let mut writer = Writer { numbers: Numbers { lang, sources: Vec::new() }, lists: Vec::new() };
        let PackCard { id, version, name_zh, name_en, .. } = &**card;
        let title = of_name(lang, name_zh, name_en);
        let mut head = Part::new("", title);
        card_facts(&mut head, lang, card, payer);
        writer.rules(&mut head, plan);
        for rule in programmes {
            place(&mut head, lang, rule, id);
        }
        let mut parts = Vec::with_capacity(benefits.len());
        let mut before = Vec::new();
        for benefit in benefits {
            parts.push(writer.benefit(benefit, payer, &before));
            before.push(of_name(lang, &benefit.card.name_zh, &benefit.card.name_en));
        }
        let parameters = parameters.iter().map(|(name, stated)| writer.stated(name, stated)).collect();
        Sheet {
            id: id.to_string(),
            version: version.to_string(),
            title: title.to_owned(),
            head,
            sources: writer.numbers.sources,
            benefits: parts,
            lists: writer.lists,
            parameters,
        }
    }
}

fn of_name<'a>(lang: Lang, zh: &'a str, en: &'a str) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// What the pack says of itself.
fn card_facts(head: &mut Part, lang: Lang, card: &PackCard, payer: &Payer) {
    let PackCard { id: _, version: _, name_zh, name_en, from, until, status, grade } = card;
    let Payer { kind, code, name_zh: payer_zh, name_en: payer_en } = payer;
    // The other language's name, for whoever looks it up there.
    let other = match lang {
        Lang::Zh => name_en,
        Lang::En => name_zh,
    };
    head.fact("name", of(lang, "英文名称", "Chinese name"), other.to_string());
    let payer = of_name(lang, payer_zh, payer_en);
    let payer = match lang {
        Lang::Zh => format!("{payer}（{}，代码 {code}）", payer_kind(lang, *kind)),
        Lang::En => format!("{payer} ({}, code {code})", payer_kind(lang, *kind)),
    };
    head.fact("payer", of(lang, "付款方", "payer"), payer);
    head.fact("valid", of(lang, "有效期", "valid"), span(lang, *from, *until));
    let state = match status {
        PackStatus::InForce => of(lang, "现行", "rests on its cited sources"),
        PackStatus::Unverified => of(lang, "参数未经核实", "a parameter is not confirmed"),
        PackStatus::Demo => of(lang, "演示参数，不得用于真实结算", "made up, not for real money"),
    };
    let state = match lang {
        Lang::Zh => format!("{state}（{}）", status.name()),
        Lang::En => format!("{} ({state})", status.name()),
    };
    head.fact("status", of(lang, "状态", "status"), state);
    let weakest = match grade {
        Grade::A => of(lang, "官方文本或保险条款", "official text, or the insurer's clause"),
        Grade::B => of(lang, "引述官方规定的二手文本", "secondary text that quotes the official rule"),
        Grade::C => of(lang, "代码或演示数据，数字来源不明", "code or demo data; origin not shown"),
        Grade::D => of(lang, "疑似机器生成", "looks machine-generated"),
        Grade::Assumed => of(lang, "无来源，演示假设", "no source: assumed for demonstration"),
    };
    let grade = match lang {
        Lang::Zh => format!("{}，以最弱的一项计：{weakest}", grade.name()),
        Lang::En => format!("{}, that of its weakest number: {weakest}", grade.name()),
    };
    head.fact("grade", of(lang, "证据等级", "evidence grade"), grade);
}

/// Where the plan stands in a programme, if it does.
fn place(head: &mut Part, lang: Lang, rule: &ProgrammeRule, id: &str) {
    let Some(place) = rule.places.iter().position(|place| **place.pack() == *id) else { return };
    let before: Vec<&str> = rule.places[..place].iter().map(|place| &**place.pack()).collect();
    let text = match (lang, before.is_empty()) {
        (Lang::Zh, true) => "第 1 层".to_owned(),
        (Lang::Zh, false) => format!("第 {} 层，在 {} 之后", place + 1, before.join("、")),
        (Lang::En, true) => "layer 1".to_owned(),
        (Lang::En, false) => format!("layer {}, after {}", place + 1, before.join(", ")),
    };
    head.fact(
        &format!("programme.{}", rule.id),
        &format!("{} {}", of(lang, "结算方案", "programme"), rule.id),
        text,
    );
}

/// What each policy must carry on its schedule.
fn schedule(head: &mut Part, lang: Lang, schedule_amounts: &[Arc<str>], schedule_rates: &[Arc<str>]) {
    let names = |names: &[Arc<str>]| any_of(lang, names, |name| format!("`{name}`"));
    if !schedule_amounts.is_empty() {
        let label = of(lang, "保险单须载明的金额", "amounts that the policy schedule must carry");
        head.fact("schedule_amounts", label, names(schedule_amounts));
    }
    if !schedule_rates.is_empty() {
        let label = of(lang, "保险单须载明的比例", "ratios that the policy schedule must carry");
        head.fact("schedule_rates", label, names(schedule_rates));
    }
}

/// Which accounts may pay what.
fn accounts(head: &mut Part, lang: Lang, account: &[PurseRule]) {
    for (index, PurseRule { purse: which, pools }) in account.iter().enumerate() {
        let label = format!("{} {}", of(lang, "账户支付", "account"), index + 1);
        let pools = any_of(lang, pools, |word| pool(lang, *word).to_owned());
        let text = match lang {
            Lang::Zh => format!("{}，可支付个人负担中的{pools}", purse(lang, *which)),
            Lang::En => format!("{}, may pay of the patient's share: {pools}", purse(lang, *which)),
        };
        head.fact(&format!("account[{}]", index + 1), &label, text);
    }
}

impl Writer {
    /// The rules of the whole plan: dates, scope, schedule, accounts.
    fn rules(&mut self, head: &mut Part, plan: &Plan) {
        let Plan {
            card: _,
            payer,
            date_rule: rule,
            version_by,
            term,
            tail,
            scope,
            benefits: _,
            account,
            schedule_amounts,
            schedule_rates,
            parameters: _,
        } = plan;
        let lang = self.lang();
        let label = of(lang, "规则日期", "goes by the date of");
        head.fact("date_rule", label, date_rule(lang, *rule).to_owned());
        let version_by = match version_by {
            VersionBy::DateRule => of(lang, "规则日期", "that date"),
            VersionBy::PolicyPeriod => {
                of(lang, "保险期间首日（按投保时的版本）", "the first day of the policy period")
            }
        };
        head.fact("version_by", of(lang, "版本取决于", "version is picked by"), version_by.to_owned());
        let term = match term {
            Period::PolicyPeriod => of(lang, "保险期间", "the policy period"),
            Period::Visit | Period::Year | Period::Event | Period::Lifetime => {
                of(lang, "自然年度", "the calendar year")
            }
        };
        head.fact("term", of(lang, "累计期间", "counts over"), term.to_owned());
        let label = of(lang, "跨越保障终止日的住院", "a stay across the end of cover");
        if payer.kind.is_public() {
            let text = of(lang, "须经基本医保结算", "the visit must be settled by basic insurance");
            head.fact("cover", of(lang, "前提", "asks for"), text.to_owned());
        } else {
            let text = of(lang, "保单在规则日期有效", "a policy in force on that date");
            head.fact("cover", of(lang, "前提", "asks for"), text.to_owned());
            match tail {
                Tail::UntilDischarge => {
                    head.fact("tail", label, of(lang, "承担至出院", "is covered until discharge").to_owned());
                }
                Tail::Days(days) => {
                    let text = of(
                        lang,
                        "终止日后若干天内的费用仍计入",
                        "expenses of some days after it still count",
                    );
                    head.fact("tail", label, text.to_owned());
                    head.numbers.push(self.numbers.days("tail.days", label, days));
                }
            }
        }
        head.facts.extend(conditions(lang, "scope", scope).into_iter().map(|mut fact| {
            fact.label = format!("{}{}", of(lang, "适用范围：", "scope: "), fact.label);
            fact
        }));
        schedule(head, lang, schedule_amounts, schedule_rates);
        accounts(head, lang, account);
    }

    fn benefit(&mut self, benefit: &Benefit, of_plan: &Payer, before: &[&str]) -> Part {
        let Benefit { card, gate, pays, visit_count, jumps } = benefit;
        let BenefitCard { id, name_zh, name_en, clause, payer, origin: _ } = &**card;
        debug_assert_eq!(payer, of_plan, "all benefits of a plan have its payer");
        let lang = self.lang();
        let mut part = Part::new(id, of_name(lang, name_zh, name_en));
        part.fact("clause", of(lang, "条款", "clause"), clause.to_string());
        self.gate(&mut part, gate);
        match pays {
            Pays::Reimbursement(terms) => self.reimbursement(&mut part, terms, before),
            Pays::PerDiem(terms) => self.per_diem(&mut part, terms),
            Pays::LumpSum(terms) => self.lump_sum(&mut part, terms),
        }
        match visit_count {
            VisitCount::Kept => {
                let text = of(
                    lang,
                    "按累计期间计数，用于上述规则",
                    "counted over the plan's term, for the rules above",
                );
                part.fact("visits", of(lang, "就诊次数", "visits"), text.to_owned());
            }
            VisitCount::NotKept => {}
        }
        for (index, jump) in jumps.iter().enumerate() {
            part.fact(
                &format!("jumps[{}]", index + 1),
                of(lang, "声明的跳变", "declared jump"),
                declared(lang, jump),
            );
        }
        part
    }

    fn stated(&mut self, name: &str, stated: &Stated) -> Number {
        let Stated { number, same_as } = stated;
        let label = match same_as {
            Some(same_as) => format!("{name} = {same_as}"),
            None => name.to_owned(),
        };
        match number {
            StatedNumber::Amount(number) => self.numbers.amount(name, &label, number),
            StatedNumber::Ratio(number) => self.numbers.rate(name, &label, number),
            StatedNumber::Days(number) => self.numbers.days(name, &label, number),
            StatedNumber::Times(number) => self.numbers.times(name, &label, number),
        }
    }
}

/// Where a declared jump lies, and what says so.
fn declared(lang: Lang, jump: &Jump) -> String {
    let Citation { source, article, .. } = &*jump.citation;
    match (jump.of, lang) {
        (JumpOf::Bill(at), Lang::Zh) => format!("费用总额 {at} 处（{source}：{article}）"),
        (JumpOf::Bill(at), Lang::En) => format!("behind a bill of {at} ({source}: {article})"),
        (JumpOf::Base(at), Lang::Zh) => format!("计入费用 {at} 处（{source}：{article}）"),
        (JumpOf::Base(at), Lang::En) => format!("behind a base of {at} ({source}: {article})"),
        (JumpOf::Opening, Lang::Zh) => format!("开启处（{source}：{article}）"),
        (JumpOf::Opening, Lang::En) => format!("where it opens ({source}: {article})"),
    }
}
