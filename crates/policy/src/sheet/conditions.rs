//! Conditions in plain words: gates, scopes, and what stands beside a number.

use bedside_claim::{Date, Lang};

use super::Fact;
use super::words::{answer, any_of, care_area, cause, insutype, of, psn_type, setting, sex, tier};
use crate::plan::{AgeRange, NearStay, PreExistingBefore, PreExistingRule, When};

/// Every condition that is asked, one fact each, keyed by its word in the pack after `place`.
pub(super) fn conditions(lang: Lang, place: &str, when: &When) -> Vec<Fact> {
    // Taken apart, so that a condition added to the language cannot be forgotten here.
    let When {
        policy_terms,
        insutype: insutypes,
        psn_type: psn_types,
        identity,
        setting: settings,
        tier: tiers,
        hospitals,
        care_area: care_areas,
        through_basic,
        diagnosis,
        not_diagnosis,
        age,
        age_insured,
        sex: sexes,
        cause: causes,
        not_cause,
        near_stay,
        pre_existing,
        claim_free_years,
        visit_number,
        bill_total,
        grade,
        dates,
    } = when;
    let mut facts = Facts { lang, place, facts: Vec::new() };
    facts.any("policy_terms", "保单约定", "policy terms", policy_terms, |term| format!("`{term}`"));
    facts.any("insutype", "险种", "basic insurance", insutypes, |code| insutype(lang, code));
    facts.any("psn_type", "人员类别", "class of person", psn_types, |code| psn_type(lang, code));
    facts.any("identity", "救助身份", "identity category", identity, |code| code.to_string());
    facts.any("setting", "就诊类别", "kind of visit", settings, |word| setting(lang, *word).to_owned());
    facts.any("tier", "医院等级", "hospital level", tiers, |word| tier(lang, *word).to_owned());
    facts.any("hospitals", "医院", "hospitals", hospitals, |code| code.to_string());
    facts
        .any("care_area", "就医地", "place of care", care_areas, |word| care_area(lang, *word).to_owned());
    facts.one(
        "through_basic",
        "经基本医保结算",
        "settled by basic insurance",
        through_basic.as_ref(),
        |wanted| answer(lang, *wanted).to_owned(),
    );
    let codes = (of(lang, "诊断编码以此开头", "diagnosis code begins with"), diagnosis);
    facts.any("diagnosis", codes.0, codes.0, codes.1, |code| code.to_string());
    let codes = (of(lang, "诊断编码不得以此开头", "no diagnosis code begins with"), not_diagnosis);
    facts.any("not_diagnosis", codes.0, codes.0, codes.1, |code| code.to_string());
    facts.one("age", "年龄", "age", age.as_ref(), |age| age_range(lang, age));
    let label = ("首次投保（连续保障首日）年龄", "age on the first day of cover without a gap");
    facts.one("age_insured", label.0, label.1, age_insured.as_ref(), |age| age_range(lang, age));
    facts.any("sex", "性别", "sex", sexes, |word| sex(lang, *word).to_owned());
    facts.any("cause", "就诊原因", "cause", causes, |word| cause(lang, *word).to_owned());
    facts.any("not_cause", "排除原因", "not for the causes", not_cause, |word| {
        cause(lang, *word).to_owned()
    });
    facts.one(
        "near_stay",
        "门诊与住院的间隔",
        "outpatient visits near a stay",
        near_stay.as_ref(),
        |near| near_words(lang, near),
    );
    facts.one("pre_existing", "既往症登记", "pre-existing registry", pre_existing.as_ref(), |rule| {
        pre_existing_words(lang, rule)
    });
    facts.one(
        "claim_free_years",
        "连续未理赔",
        "years without a claim",
        claim_free_years.as_ref(),
        |years| format!("{}{years}{}", of(lang, "满 ", "at least "), of(lang, " 年", "")),
    );
    facts.one("visit_number", "就诊次数", "number of the visit", visit_number.as_ref(), |number| {
        match lang {
            Lang::Zh => format!("第 {number} 次及以后"),
            Lang::En => format!("{number} and later"),
        }
    });
    facts.one("bill_total", "费用总额", "total of the bill", bill_total.as_ref(), |(over, up_to)| {
        let over = format!("{} {over}", of(lang, "超过", "over"));
        up_to.map_or(over.clone(), |up_to| {
            format!("{over}{} {up_to}{}", of(lang, "，至", ", up to"), of(lang, "（含）", " (included)"))
        })
    });
    facts.any("grade", "失能（伤残）等级", "grade of disability", grade, |grade| grade.to_string());
    facts.one("dates", "日期", "dates", dates.as_ref(), |(from, until)| span(lang, *from, *until));
    facts.facts
}

/// The same in one line; `None` where nothing is asked.
pub(super) fn in_one_line(lang: Lang, when: &When) -> Option<String> {
    let parts: Vec<String> = conditions(lang, "", when)
        .into_iter()
        .map(|fact| format!("{}{}{}", fact.label, of(lang, "：", ": "), fact.text))
        .collect();
    (!parts.is_empty()).then(|| parts.join(of(lang, "；", "; ")))
}

/// Days from one to the day before another.
pub(super) fn span(lang: Lang, from: Date, until: Date) -> String {
    match lang {
        Lang::Zh => format!("{from} 起，{until} 前"),
        Lang::En => format!("from {from}, before {until}"),
    }
}

struct Facts<'a> {
    lang: Lang,
    place: &'a str,
    facts: Vec<Fact>,
}

impl Facts<'_> {
    fn push(&mut self, key: &str, label: &str, text: String) {
        let key = if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) };
        self.facts.push(Fact { key, label: label.to_owned(), text });
    }

    fn any<T>(
        &mut self,
        key: &str,
        zh: &'static str,
        en: &'static str,
        words: &[T],
        text: impl Fn(&T) -> String,
    ) {
        if !words.is_empty() {
            self.push(key, of(self.lang, zh, en), any_of(self.lang, words, text));
        }
    }

    fn one<T>(
        &mut self,
        key: &str,
        zh: &'static str,
        en: &'static str,
        word: Option<&T>,
        text: impl Fn(&T) -> String,
    ) {
        if let Some(word) = word {
            self.push(key, of(self.lang, zh, en), text(word));
        }
    }
}

fn age_range(lang: Lang, age: &AgeRange) -> String {
    let AgeRange { from, until } = age;
    match (lang, until) {
        (Lang::Zh, None) => format!("满 {from} 周岁"),
        (Lang::Zh, Some(until)) => format!("满 {from} 周岁，未满 {until} 周岁"),
        (Lang::En, None) => format!("{from} and older"),
        (Lang::En, Some(until)) => format!("{from} and older, younger than {until}"),
    }
}

fn near_words(lang: Lang, near: &NearStay) -> String {
    let NearStay { before_days, after_days } = near;
    match lang {
        Lang::Zh => format!("须在住院前 {before_days} 天或出院后 {after_days} 天以内；住院本身不受此限"),
        Lang::En => format!(
            "at most {before_days} days before or {after_days} days after it; the stay itself always counts"
        ),
    }
}

fn pre_existing_words(lang: Lang, rule: &PreExistingRule) -> String {
    let PreExistingRule { before, answer, diseases, years } = rule;
    let has = match answer {
        crate::plan::Answer::Yes => of(lang, "有", "an entry"),
        crate::plan::Answer::No => of(lang, "无", "no entry"),
    };
    let first = match before {
        PreExistingBefore::FirstCover => of(lang, "连续保障首日", "the first day of cover without a gap"),
        PreExistingBefore::ThisCover => of(lang, "本期保险首日", "the first day of this policy period"),
    };
    let codes = any_of(lang, diseases, |code| code.to_string());
    match lang {
        Lang::Zh => {
            let years = years.map_or_else(|| "之前".to_owned(), |years| format!("前 {years} 年内"));
            let codes =
                if codes.is_empty() { codes } else { format!("（疾病编码以 {codes} 开头）") };
            format!("{first}{years}{has}登记{codes}")
        }
        Lang::En => {
            let years = years.map_or_else(String::new, |years| format!(" in the {years} years"));
            let codes = if codes.is_empty() { codes } else { format!(" of a code that begins with {codes}") };
            format!("{has}{codes}{years} before {first}")
        }
    }
}
