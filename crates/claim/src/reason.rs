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
    /// Care took place in an area, or under a filing, that the benefit does not cover.
    CareArea, "gate.care_area", "就医地或异地备案不属于该责任范围", "the benefit does not apply to care in this area or under this filing";
    /// None of the diagnoses is on the benefit's list.
    Diagnosis, "gate.diagnosis", "诊断不属于该责任范围", "no diagnosis is on the list of the benefit";
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
