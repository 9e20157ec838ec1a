//! The words of packs as people say them, in both languages. Every match names each word, so that a new one cannot be
//! forgotten.

use bedside_claim::{
    Cause, DateRule, DayKind, DeductibleRule, FeeCategory, HospitalTier, Lang, LimitPer, OccurrenceKind,
    OutOfAreaFiling, PayerKind, Period, Pool, Purse, Setting, Sex,
};

use crate::plan::{Answer, CareArea, ListDate, PaidFor, SharedBy};

/// The text of the language asked for.
pub(super) fn of(lang: Lang, zh: &'static str, en: &'static str) -> &'static str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// The words one after the other, any of which does.
pub(super) fn any_of<T>(lang: Lang, words: &[T], text: impl Fn(&T) -> String) -> String {
    let words: Vec<String> = words.iter().map(text).collect();
    words.join(of(lang, "、", ", "))
}

pub(super) fn pool(lang: Lang, pool: Pool) -> &'static str {
    match pool {
        Pool::OwnExpense => of(lang, "自费", "own expense (自费)"),
        Pool::OverLimit => of(lang, "超限价", "over limit (超限价)"),
        Pool::FirstPay => of(lang, "先行自付", "first-pay (先行自付)"),
        Pool::InScope => of(lang, "范围内", "in scope (范围内)"),
    }
}

pub(super) fn setting(lang: Lang, setting: Setting) -> &'static str {
    match setting {
        Setting::Inpatient => of(lang, "住院", "inpatient stay"),
        Setting::SpecialOutpatient => of(lang, "门诊慢特病", "special outpatient (门诊慢特病)"),
        Setting::Outpatient => of(lang, "普通门诊", "outpatient"),
    }
}

pub(super) fn tier(lang: Lang, tier: HospitalTier) -> &'static str {
    match tier {
        HospitalTier::Tertiary => of(lang, "三级", "tertiary"),
        HospitalTier::Secondary => of(lang, "二级", "secondary"),
        HospitalTier::Primary => of(lang, "一级", "primary"),
        HospitalTier::Community => of(lang, "社区", "community"),
        HospitalTier::Ungraded => of(lang, "无等级", "ungraded"),
    }
}

pub(super) fn care_area(lang: Lang, area: CareArea) -> &'static str {
    match area {
        CareArea::Local => of(lang, "参保地", "in the own area"),
        CareArea::Elsewhere(OutOfAreaFiling::LongTerm) => {
            of(lang, "异地长期备案", "elsewhere, filed for long")
        }
        CareArea::Elsewhere(OutOfAreaFiling::Referral) => of(lang, "转诊备案", "elsewhere, referred"),
        CareArea::Elsewhere(OutOfAreaFiling::EmergencyUnfiled) => {
            of(lang, "异地急诊未备案", "elsewhere, emergency unfiled")
        }
        CareArea::Elsewhere(OutOfAreaFiling::Unfiled) => of(lang, "异地未备案", "elsewhere, unfiled"),
    }
}

pub(super) fn sex(lang: Lang, sex: Sex) -> &'static str {
    match sex {
        Sex::Male => of(lang, "男", "male"),
        Sex::Female => of(lang, "女", "female"),
        Sex::Unknown => of(lang, "未知", "unknown"),
    }
}

pub(super) fn cause(lang: Lang, cause: Cause) -> &'static str {
    match cause {
        Cause::Illness => of(lang, "疾病", "illness"),
        Cause::Accident => of(lang, "意外伤害", "accident"),
        Cause::ThirdParty => of(lang, "第三方责任", "third-party liability"),
        Cause::ThirdPartyPrePaid => {
            of(lang, "第三方责任（先行支付）", "third-party liability (the fund pays first)")
        }
        Cause::WorkInjury => of(lang, "工伤", "work injury"),
    }
}

pub(super) fn answer(lang: Lang, answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => of(lang, "是", "yes"),
        Answer::No => of(lang, "否", "no"),
    }
}

pub(super) fn insutype(lang: Lang, code: &str) -> String {
    let name = match code {
        "310" => of(lang, "职工基本医疗保险", "employees"),
        "390" => of(lang, "城乡居民基本医疗保险", "residents"),
        _ => return code.to_owned(),
    };
    format!("{code} {name}")
}

pub(super) fn psn_type(lang: Lang, code: &str) -> String {
    let name = match code {
        "11" => of(lang, "在职", "at work"),
        "12" => of(lang, "退休", "retired"),
        "13" => of(lang, "离休", "retired cadres (离休)"),
        "14" => of(lang, "居民（未成年）", "residents, minors"),
        "15" => of(lang, "居民（成年）", "residents, adults"),
        "16" => of(lang, "居民（老年）", "residents, elderly"),
        _ => return code.to_owned(),
    };
    format!("{code} {name}")
}

pub(super) fn category(lang: Lang, category: FeeCategory) -> String {
    let name = match lang {
        Lang::Zh => category.name_zh(),
        Lang::En => category.name_en(),
    };
    format!("{} {name}", category.code())
}

/// "over the year": what a number is counted over.
pub(super) fn period(lang: Lang, period: Period) -> &'static str {
    match period {
        Period::Visit => of(lang, "每次就诊", "a visit"),
        Period::Year => of(lang, "每年度", "a calendar year"),
        Period::PolicyPeriod => of(lang, "每保险期间", "a policy period"),
        Period::Event => of(lang, "每次事故", "an accident"),
        Period::Lifetime => of(lang, "终身", "a lifetime"),
    }
}

pub(super) fn per(lang: Lang, per: LimitPer) -> &'static str {
    match per {
        LimitPer::Line => of(lang, "每条明细", "each charge"),
        LimitPer::Item => of(lang, "每个项目", "each item"),
        LimitPer::Category => of(lang, "每个费用类别", "each fee category"),
        LimitPer::Operation => of(lang, "每次手术", "each operation"),
        LimitPer::Day => of(lang, "每天", "each day"),
        LimitPer::All => of(lang, "所选明细合计", "the selected lines together"),
    }
}

pub(super) fn shared_by(lang: Lang, shared_by: SharedBy) -> &'static str {
    match shared_by {
        SharedBy::Person => of(lang, "本人", "the person"),
        SharedBy::Family => of(lang, "家庭共用", "the family together"),
    }
}

pub(super) fn date_rule(lang: Lang, rule: DateRule) -> &'static str {
    match rule {
        DateRule::Admission => of(lang, "入院（就诊）日", "the day of admission"),
        DateRule::Settlement => of(lang, "结算日", "the day of settlement"),
    }
}

pub(super) fn list_date(lang: Lang, date: ListDate) -> &'static str {
    match date {
        ListDate::Expense => of(lang, "费用发生日", "the day of the expense"),
        ListDate::Visit(rule) => date_rule(lang, rule),
    }
}

pub(super) fn deductible_rule(lang: Lang, rule: DeductibleRule, over: Period) -> String {
    match (rule, over) {
        (DeductibleRule::PerVisit, _) => of(lang, "每次就诊足额扣除", "in full at every visit").to_owned(),
        (DeductibleRule::Once, over) => match lang {
            Lang::Zh => format!("{}一次，扣满为止", period(lang, over)),
            Lang::En => format!("once {}, until it is charged in full", over_period(over)),
        },
        (DeductibleRule::HighestLessCharged, _) => of(
            lang,
            "每年度一次，按已就诊的最高标准，减去本年度已扣部分",
            "once a calendar year, at the highest standard met so far, less what was charged this year",
        )
        .to_owned(),
    }
}

/// "in a policy period", as English says it.
pub(super) fn over_period(over: Period) -> &'static str {
    match over {
        Period::Visit => "at a visit",
        Period::Year => "in a calendar year",
        Period::PolicyPeriod => "in a policy period",
        Period::Event => "for an accident",
        Period::Lifetime => "in a lifetime",
    }
}

pub(super) fn occurrence(lang: Lang, kind: OccurrenceKind) -> &'static str {
    match kind {
        OccurrenceKind::Diagnosis => of(lang, "确诊", "a confirmed diagnosis"),
        OccurrenceKind::Disability => of(lang, "评定伤残", "an assessed disability"),
        OccurrenceKind::Death => of(lang, "身故", "a death"),
        OccurrenceKind::Care => of(lang, "一个月的长期护理", "a month of long-term care"),
    }
}

pub(super) fn paid_for(lang: Lang, paid_for: PaidFor) -> &'static str {
    match paid_for {
        PaidFor::Lifetime => of(lang, "终身一次", "once in a lifetime"),
        PaidFor::Event => of(lang, "每个事件一次", "once for each event"),
        PaidFor::Month => of(lang, "每个自然月一次", "once a calendar month"),
    }
}

pub(super) fn days(lang: Lang, kind: DayKind) -> &'static str {
    match kind {
        DayKind::Stay => of(lang, "住院日", "days of the stay"),
        DayKind::Icu => of(lang, "重症监护日", "days in intensive care"),
    }
}

pub(super) fn purse(lang: Lang, purse: Purse) -> &'static str {
    match purse {
        Purse::CurrentYear => of(lang, "个人账户当年余额", "account balance of this year"),
        Purse::PastYear => of(lang, "个人账户历年余额", "account balance of past years"),
        Purse::Relatives => of(lang, "家庭共济账户", "accounts of relatives"),
    }
}

pub(super) fn payer_kind(lang: Lang, kind: PayerKind) -> String {
    match lang {
        Lang::Zh => kind.name_zh().to_owned(),
        Lang::En => kind.name().replace('_', " "),
    }
}
