//! What the national platform has settled, and how our own computation compares with it.
//!
//! Invariants: an [`AdoptedResult`] exists only where every identity that could be checked held; the parts of a
//! [`Variance`]'s causes sum to its difference.

use std::fmt;
use std::sync::Arc;

use crate::Lang;
use crate::benefit::PayerKind;
use crate::bill::FourWaySplit;
use crate::explanation::Step;
use crate::money::{Money, Overflow, Rate};
use crate::settlement::Payment;

/// An identity between the fields of a national answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NationalIdentity {
    /// The total is what funds, hospital and person bear.
    I1,
    /// The person's part is account and cash.
    I2,
    /// The total is the four parts.
    I3,
    /// A line is its four parts, and each part of the answer its sum over the lines.
    I4,
    /// A line is price times quantity.
    I5,
    /// A line's first-pay is its amount at its ratio.
    I6,
    /// The fund sum is its funds.
    I7,
    /// The detail rows are fund sum, account and hospital share.
    I8,
    /// The basic fund's payment is its base at its ratio.
    I9,
    /// A cancellation is the negation of what it cancels.
    I10,
    /// What relatives' accounts pay is a part of the account payment.
    I12,
}

impl NationalIdentity {
    /// Its number in the documents.
    pub fn name(self) -> &'static str {
        match self {
            NationalIdentity::I1 => "I1",
            NationalIdentity::I2 => "I2",
            NationalIdentity::I3 => "I3",
            NationalIdentity::I4 => "I4",
            NationalIdentity::I5 => "I5",
            NationalIdentity::I6 => "I6",
            NationalIdentity::I7 => "I7",
            NationalIdentity::I8 => "I8",
            NationalIdentity::I9 => "I9",
            NationalIdentity::I10 => "I10",
            NationalIdentity::I12 => "I12",
        }
    }
}

impl fmt::Display for NationalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a national answer (2303/2304) says the public payers pay. Its identities are checked before it exists, and its
/// four parts are those of the bill's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedResult {
    /// The public payers' amounts that are not zero, in the order of [`PayerKind::ALL`].
    pub funds: Vec<(PayerKind, Money)>,
    /// `hosp_part_amt`.
    pub hosp_part_amt: Money,
    /// `acct_pay`.
    pub acct_pay: Money,
    /// `act_pay_dedc`; `None` where the platform did not say.
    pub act_pay_dedc: Option<Money>,
    /// `pool_prop_selfpay`: the ratio at which the basic fund paid; `None` where the platform did not say, or said 0.
    pub pool_prop_selfpay: Option<Rate>,
    /// `crt_payb_lmt_amt` by payer, where the platform named the fund's limit.
    pub limits: Vec<(PayerKind, Money)>,
    /// `acct_mulaid_pay`: the part of `acct_pay` that relatives' accounts paid; `None` where the platform did not say.
    pub acct_mulaid_pay: Option<Money>,
    /// `balc`: what is on the account after the booking; `None` where the platform did not say.
    pub balc: Option<Money>,
    /// The identities that were checked, in order.
    pub identities: Vec<NationalIdentity>,
}

impl AdoptedResult {
    /// What a payer pays.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn paid_by(&self, payer: PayerKind) -> Result<Money, Overflow> {
        Money::sum(self.funds.iter().filter(|(kind, _)| *kind == payer).map(|(_, amount)| *amount))
    }
}

/// What came of adopting an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Adoption {
    /// The identities that were checked, in order.
    pub identities: Vec<NationalIdentity>,
    /// What our packs make of the public layers; `None` where the programme has none of ours.
    pub own: Option<OwnComputation>,
    /// Where that differs from the answer, payer by payer.
    pub variances: Vec<Variance>,
}

/// What our packs make of the public layers beside an adopted answer. Nothing of it is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnComputation {
    /// The four parts of the bill by our catalogue, and by the platform for items it does not list.
    pub split: FourWaySplit,
    /// The deductible that the basic layer charged.
    pub act_pay_dedc: Money,
    /// What each benefit comes to.
    pub payments: Vec<Payment>,
    /// Why.
    pub explanation: Vec<Step>,
}

/// A public payer's amount as adopted and as the engine's own packs compute it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variance {
    /// The payer.
    pub payer: PayerKind,
    /// From the national answer.
    pub adopted: Money,
    /// From our packs.
    pub computed: Money,
    /// Why, in the order in which it was found.
    pub causes: Vec<ExplainedPart>,
}

impl Variance {
    /// `adopted - computed`.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn difference(&self) -> Result<Money, Overflow> {
        self.adopted.minus(self.computed)
    }
}

/// The part of a difference that one cause explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedPart {
    /// The cause.
    pub cause: VarianceCause,
    /// What it explains; not zero.
    pub amount: Money,
}

/// A line that our catalogue splits in another way than the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitDifference {
    /// `feedetl_sn`.
    pub feedetl_sn: Arc<str>,
    /// `med_list_codg`.
    pub med_list_codg: Arc<str>,
    /// By our catalogue.
    pub ours: FourWaySplit,
    /// By the platform.
    pub theirs: FourWaySplit,
}

/// The likely cause of a variance: which of our inputs, replaced by the platform's, makes it vanish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VarianceCause {
    /// The lines' splits.
    Catalogue {
        /// In scope by our catalogue.
        ours: Money,
        /// In scope as the platform has it.
        theirs: Money,
        /// The lines that differ most.
        lines: Vec<SplitDifference>,
    },
    /// The deductible of the basic layer.
    Deductible {
        /// What we charge.
        ours: Money,
        /// `act_pay_dedc`.
        theirs: Money,
    },
    /// The rate at which the basic layer pays.
    Band {
        /// Ours over what exceeds the deductible; `None` where nothing does.
        ours: Option<Rate>,
        /// `pool_prop_selfpay`, or the one rate that gives the amount.
        theirs: Rate,
    },
    /// A limit: ours cut the payment and the platform's did not, or the other way round.
    Cap {
        /// What we come to before the platform's limit, or under ours.
        ours: Money,
        /// The platform's limit, or its payment beyond ours.
        theirs: Money,
    },
    /// The same money from other payers.
    Order {
        /// What all public payers pay together, in both computations.
        together: Money,
    },
    /// The programme has no pack of ours for the payer.
    NoPack,
    /// None of these.
    Unknown {
        /// The rate that the basic layer pays at by our packs, where that is what differs.
        ours: Option<Rate>,
        /// The rate that its amount in the answer comes to, to four decimals.
        theirs: Option<Rate>,
    },
}

impl VarianceCause {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            VarianceCause::Catalogue { .. } => "catalogue",
            VarianceCause::Deductible { .. } => "deductible",
            VarianceCause::Band { .. } => "band",
            VarianceCause::Cap { .. } => "cap",
            VarianceCause::Order { .. } => "order",
            VarianceCause::NoPack => "no_pack",
            VarianceCause::Unknown { .. } => "unknown",
        }
    }

    /// The input as we had it and as the platform has it, where there is one.
    pub fn evidence(&self) -> (Option<String>, Option<String>) {
        let text = |rate: &Option<Rate>| rate.map(|rate| rate.to_string());
        match self {
            VarianceCause::Catalogue { ours, theirs, .. }
            | VarianceCause::Deductible { ours, theirs }
            | VarianceCause::Cap { ours, theirs } => (Some(ours.to_string()), Some(theirs.to_string())),
            VarianceCause::Band { ours, theirs } => (text(ours), Some(theirs.to_string())),
            VarianceCause::Order { together } => (Some(together.to_string()), Some(together.to_string())),
            VarianceCause::NoPack => (None, None),
            VarianceCause::Unknown { ours, theirs } => (text(ours), text(theirs)),
        }
    }

    /// The cause in words.
    pub fn text(&self, lang: Lang) -> String {
        let (ours, theirs) = self.evidence();
        let (ours, theirs) =
            (ours.unwrap_or_else(|| "-".to_owned()), theirs.unwrap_or_else(|| "-".to_owned()));
        match lang {
            Lang::Zh => match self {
                VarianceCause::Catalogue { .. } => {
                    format!("目录不同：范围内费用按本系统目录 {ours}，按国家平台拆分 {theirs}")
                }
                VarianceCause::Deductible { .. } => {
                    format!("起付标准不同：本系统扣除 {ours}，国家平台扣除 {theirs}")
                }
                VarianceCause::Band { .. } => format!("支付比例不同：本系统 {ours}，国家平台 {theirs}"),
                VarianceCause::Cap { .. } => format!("限额不同：本系统 {ours}，国家平台 {theirs}"),
                VarianceCause::Order { .. } => {
                    format!("支付顺序或付款方划分不同：各公共付款方合计同为 {ours}")
                }
                VarianceCause::NoPack => "本系统没有此付款方的规则包".to_owned(),
                VarianceCause::Unknown { ours: None, theirs: None } => "原因不明".to_owned(),
                VarianceCause::Unknown { .. } => {
                    format!("原因不明：基本医保实际支付比例本系统 {ours}，国家平台约 {theirs}")
                }
            },
            Lang::En => match self {
                VarianceCause::Catalogue { .. } => {
                    format!(
                        "another catalogue: in scope {ours} by ours, {theirs} as the platform split the lines"
                    )
                }
                VarianceCause::Deductible { .. } => {
                    format!("another deductible: {ours} by our packs, {theirs} by the platform")
                }
                VarianceCause::Band { .. } => {
                    format!("another rate: {ours} by our packs, {theirs} by the platform")
                }
                VarianceCause::Cap { .. } => {
                    format!("another limit: {ours} by our packs, {theirs} by the platform")
                }
                VarianceCause::Order { .. } => {
                    format!("another order or division between payers: together {ours} in both")
                }
                VarianceCause::NoPack => "no pack of ours computes this payer".to_owned(),
                VarianceCause::Unknown { ours: None, theirs: None } => "no cause was found".to_owned(),
                VarianceCause::Unknown { .. } => format!(
                    "no cause was found: the basic layer pays at {ours} by our packs, at about {theirs} by the platform"
                ),
            },
        }
    }
}
