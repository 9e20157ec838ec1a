//! Why something was not paid. A denial is a value: zero with one of these reasons.
//!
//! The order of the variants is the precedence: where several hold, the first is given. Codes are stable; texts may
//! be polished.

use crate::Lang;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $zh:literal, $en:literal;)+) => {
        /// Why a benefit or the fund paid nothing for something, in precedence order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// Every reason, in precedence order.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$variant => $code,)+ }
            }

            /// The sentence for patient and cashier.
            pub fn text(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Reason::$variant, Lang::Zh) => $zh, (Reason::$variant, Lang::En) => $en,)+
                }
            }
        }
    };
}

reasons! {
    /// The policy does not cover the rule's date.
    CoverNotInForce, "cover.not_in_force", "保单在规则日期不在保障期内", "the policy is not in force on the date the rule goes by";
    /// Basic insurance does not settle the visit, so public layers pay nothing.
    WithoutBasicInsurance, "cover.without_basic_insurance", "本次就诊未经基本医保结算", "basic insurance does not settle the visit";
    /// What the policy agreed is not what the benefit is for.
    PolicyTerms, "gate.policy_terms", "保单约定不属于该责任范围", "the benefit does not apply under the terms of the policy";
    /// The basic-insurance type is not one the benefit names.
    InsuranceType, "gate.insurance_type", "险种不属于该责任范围", "the benefit does not apply to this type of basic insurance";
    /// The person type is not one the benefit names.
    PersonType, "gate.person_type", "人员类别不属于该责任范围", "the benefit does not apply to this type of person";
    /// The person holds none of the identity categories on the date.
    IdentityCategory, "gate.identity_category", "不属于该责任的救助对象类别", "the person is in none of the identity categories of the benefit";
    /// The kind of visit is not one the benefit names.
    VisitType, "gate.visit_type", "就诊类别不属于该责任范围", "the benefit does not apply to this kind of visit";
    /// The hospital's tier is not one the benefit names.
    HospitalTier, "gate.hospital_tier", "医院等级不属于该责任范围", "the benefit does not apply to a hospital of this tier";
    /// The hospital is not on the benefit's list.
    HospitalList, "gate.hospital_list", "医院不在该责任的医院名单内", "the hospital is not on the list of the benefit";
    /// Care took place in an area, or under a filing, that the benefit does not cover.
    CareArea, "gate.care_area", "就医地或异地备案不属于该责任范围", "the benefit does not apply to care in this area or under this filing";
    /// Settled through basic insurance where the benefit asks for the other, or the other way round.
    PublicSettlement, "gate.public_settlement", "是否经基本医保结算不符合该责任约定", "the benefit asks for the other way of settling with basic insurance";
    /// None of the diagnoses is on the benefit's list.
    Diagnosis, "gate.diagnosis", "诊断不属于该责任范围", "no diagnosis is on the list of the benefit";
    /// A diagnosis is on the list of those that the benefit excludes.
    DiagnosisExcluded, "gate.diagnosis_excluded", "诊断属于该责任除外范围", "a diagnosis is on the list that the benefit excludes";
    /// The person's age lies outside the benefit's range, or the birthday is not known.
    Age, "gate.age", "年龄不属于该责任范围", "the benefit does not apply at this age";
    /// The age on the first day of cover lies outside the benefit's range, or the birthday is not known.
    AgeInsured, "gate.age_insured", "投保时年龄不属于该责任范围", "the benefit does not apply to this age on the first day of cover";
    /// The sex is not the benefit's.
    Sex, "gate.sex", "性别不属于该责任范围", "the benefit does not apply to this sex";
    /// What the treatment goes back to is not covered, or excluded: third party, work injury.
    Cause, "gate.cause", "就诊原因不属于该责任范围", "the benefit does not apply to this cause of treatment";
    /// An outpatient visit that belongs to no stay within the days that the benefit names.
    RelatedStay, "gate.related_stay", "门诊不在住院前后约定天数内", "the visit is not within the days before or after a stay that the benefit names";
    /// On the registry of pre-existing conditions where the benefit asks for the other, or the other way round.
    PreExisting, "gate.pre_existing", "既往症情形不符合该责任约定", "the benefit does not apply with this entry, or lack of entry, in the pre-existing registry";
    /// Fewer years without a claim than asked for.
    ClaimFreeYears, "gate.claim_free_years", "连续未理赔年数不足", "fewer years without a claim than the benefit asks for";
    /// Another visit of the year than the rule is for.
    VisitNumber, "gate.visit_number", "就诊次数不符合该规则", "the rule is for another visit of the year";
    /// The whole bill lies outside the rule's range.
    BillTotal, "gate.bill_total", "费用总额不在该责任范围", "the benefit does not apply to a bill of this total";
    /// The grade of disability is not one the benefit names.
    Grade, "gate.grade", "失能（伤残）等级不属于该责任范围", "the benefit does not apply to this grade of disability";
    /// A rule that is not valid on the date.
    Dates, "gate.dates", "规则日期不在该规则有效期内", "the rule is not valid on the date";
    /// The waiting period is not over.
    WaitingPeriod, "gate.waiting_period", "仍在等待期内", "the waiting period is not over";
    /// The insurer has not approved it in advance.
    PriorApproval, "gate.prior_approval", "未经保险人事先审核", "the insurer has not approved it in advance";
    /// The limit that must be used up first is not.
    OpensAfter, "gate.opens_after", "前置责任限额尚未用完", "the limit that must be used up first is not used up";
    /// Nothing of the kind happened.
    NoEvent, "event.none", "未发生该责任约定的事件", "no event of the kind that the benefit pays for";
    /// The event lies too long after the accident, or the accident is not known.
    EventWindow, "event.window", "距事故发生已超过约定天数，或事故日期不明", "too long after the accident, or its date is not known";
    /// The benefit was paid as often as it can be.
    PaidOut, "event.paid_out", "该责任已给付完毕", "the benefit was paid as often as it can be";
    /// No day of the stay lies beyond the waiting days.
    NoDays, "days.none", "住院天数未超过免赔天数", "no day of the stay lies beyond the waiting days";
    /// No amount is left in the pools and lines that the benefit covers.
    NothingInBase, "base.nothing", "没有属于该责任范围的费用", "no cost falls within the benefit";
    /// The base does not exceed what is left of the deductible.
    BelowDeductible, "deductible.not_reached", "费用未超过起付标准", "the cost does not exceed the deductible";
    /// The limit was used up before.
    CapUsedUp, "cap.used_up", "支付限额已用完", "the limit is used up";
    /// The item is on no catalogue of the date.
    ItemNotInCatalogue, "item.not_in_catalogue", "该项目不在目录内", "the item is not in the catalogue on the date of the expense";
    /// The catalogue lists the item as own-expense (丙类).
    ItemOwnExpense, "item.own_expense", "目录规定为自费项目", "the catalogue lists the item as own-expense";
    /// The hospital refused the restricted use.
    ApprovalRefused, "item.approval_refused", "限制使用项目，医院审批不通过", "the hospital did not approve the restricted use";
    /// The item needs an approval that was not given.
    ApprovalMissing, "item.approval_missing", "限制使用项目，未经医院审批", "the item is restricted and the hospital gave no approval";
    /// The price is above the ceiling; the part above is the patient's.
    AboveCeiling, "item.above_ceiling", "单价超过限价，超出部分不予支付", "the price is above the ceiling; the part above it is not covered";
    /// The person has no account, or chose not to use it.
    AccountNotUsed, "account.not_used", "未使用个人账户", "the personal account is not used";
    /// The account is empty.
    AccountEmpty, "account.empty", "个人账户余额为零", "the personal account is empty";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }

    #[test]
    fn the_page_lists_them_in_order() {
        let page = include_str!("../../../docs/reasons.md");
        let rows = Reason::ALL.iter().map(|reason| {
            format!("| `{}` | {} | {} |", reason.code(), reason.text(Lang::Zh), reason.text(Lang::En))
        });
        let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(listed, rows.collect::<Vec<_>>());
    }
}
