//! The one file that turns what went wrong into a gRPC status.
//!
//! Every status carries `google.rpc.ErrorInfo` with a stable reason and the sentence in both languages; bad input adds
//! `BadRequest` with the fields, `BUSY` adds `RetryInfo`. A fault of the engine says nothing of its insides; they go
//! to the log, which holds no personal data either. `docs/errors.md` lists every code, and a test keeps it complete.

mod stay;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bedside_claim::Lang;
use bedside_ledger::{Ended, Ending, SETTLEMENT_LINES_MAX, StayRefusal};
use bedside_policy::Unresolved;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, LocalizedMessage, StatusExt};

use crate::canonical::Difference;
use crate::invalid::{InvalidMessage, Phrase};
use crate::promise::ChangedInput;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "bedside";

/// Bytes of field violations in one status. Details travel in the trailers, and clients refuse trailers over 8 KiB.
const VIOLATIONS_BYTES_MAX: usize = 3_000;

/// When a client that met `BUSY` may come again.
const BUSY_RETRY: Duration = Duration::from_millis(200);

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $grpc:ident, $cause:literal, $todo:literal;)+) => {
        /// The stable reason in `ErrorInfo`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorReason { $($(#[$doc])* $variant,)+ }

        impl ErrorReason {
            /// Every reason.
            pub const ALL: &'static [ErrorReason] = &[$(ErrorReason::$variant,)+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(ErrorReason::$variant => $code,)+ }
            }

            /// The gRPC status code that goes with it.
            pub fn grpc(self) -> Code {
                match self { $(ErrorReason::$variant => Code::$grpc,)+ }
            }

            /// Why it happens.
            pub fn cause(self) -> &'static str {
                match self { $(ErrorReason::$variant => $cause,)+ }
            }

            /// What the caller has to do.
            pub fn remedy(self) -> &'static str {
                match self { $(ErrorReason::$variant => $todo,)+ }
            }
        }
    };
}

reasons! {
    /// The message itself is wrong.
    InvalidMessage, "INVALID_MESSAGE", InvalidArgument,
        "fields are missing, malformed, or do not add up; `BadRequest` lists them, `field` and `code` name the first",
        "correct the fields and send again, under the same msgid: nothing was stored";
    /// The `msgid` was used with other content.
    MessageConflict, "MESSAGE_CONFLICT", AlreadyExists,
        "the msgid was used before with other content; `field` names the first difference",
        "find out with QueryByMsgid what the first call did; send new content under a new msgid";
    /// The message was reversed before it came.
    MessageReversed, "MESSAGE_REVERSED", FailedPrecondition,
        "the message, or the earlier call that a reversal names, was reversed by the call `msgid` before it came, and is refused for ever",
        "nothing: it is not booked and never will be; send what is still to be done under a new msgid";
    /// What the message booked was erased.
    MessageErased, "MESSAGE_ERASED", FailedPrecondition,
        "the message, or the earlier call that a reversal names, booked `setl_id`, whose content was erased since; whether this is the same message can no longer be told",
        "nothing: it was booked once and is not booked again";
    /// The earlier call is not what the reversal says.
    OriginalDiffers, "ORIGINAL_DIFFERS", FailedPrecondition,
        "the earlier call that a reversal names arrived, but was of another person or another transaction; `field` says which, `infno` its transaction",
        "correct psn_no or oinfno, or omsgid, and send under the same msgid: nothing was changed";
    /// A cancellation is not undone.
    CancellationStands, "CANCELLATION_STANDS", FailedPrecondition,
        "the earlier call that a reversal names is a cancellation or withdrawal that arrived (of a settlement `setl_id`); it stands, since what it undid would not come back as it was",
        "nothing where it was meant to be undone; otherwise do again, under a new msgid, what it undid";
    /// The visit is settled.
    AlreadySettled, "ALREADY_SETTLED", FailedPrecondition,
        "the visit has a settlement that was not cancelled, `setl_id`",
        "cancel it first, or use it";
    /// A later settlement must be cancelled first.
    BlockedByLater, "BLOCKED_BY_LATER", FailedPrecondition,
        "the person, or the family where it shares an accumulator, has a later settlement, `setl_id`, that was computed from this one",
        "cancel or reverse the later one first";
    /// The settlement is cancelled.
    AlreadyCancelled, "ALREADY_CANCELLED", FailedPrecondition,
        "the settlement was cancelled or reversed before, under another msgid, by `setl_id`",
        "nothing: it is undone";
    /// Nothing of that number, or not the caller's.
    StayNotFound, "STAY_NOT_FOUND", NotFound,
        "there is no such stay, or it belongs to another person or hospital",
        "check mdtrt_id, psn_no and fixmedins_code; admit the person first (2401)";
    /// The stay never was.
    AdmissionCancelled, "ADMISSION_CANCELLED", FailedPrecondition,
        "the admission was cancelled (2404) or reversed",
        "admit the person again; the same mdtrt_id may be used";
    /// A stay stands under the number.
    AlreadyAdmitted, "ALREADY_ADMITTED", FailedPrecondition,
        "a stay stands under that mdtrt_id at that hospital",
        "use it, or cancel its admission (2404); a stay is settled with Settle, not with SettleBill";
    /// The person is in hospital.
    PersonInHospital, "PERSON_IN_HOSPITAL", FailedPrecondition,
        "the person is admitted and not discharged at the hospital `fixmedins_code`; `mdtrt_id` is told where that is the caller's own",
        "have the person discharged there (2402), or that admission cancelled (2404)";
    /// The person has left.
    AlreadyDischarged, "ALREADY_DISCHARGED", FailedPrecondition,
        "the person is discharged: nothing comes in, goes out or changes any more, and nothing is settled midway",
        "cancel the discharge (2405) first, or settle the stay";
    /// The person has not left.
    NotDischarged, "NOT_DISCHARGED", FailedPrecondition,
        "the person is not discharged: the stay is not settled as a whole, and there is no discharge to cancel",
        "discharge the person (2402) first; mid_setl_flag 1 settles a stay that goes on";
    /// Lines stand in the stay.
    LinesStand, "LINES_STAND", FailedPrecondition,
        "`lines` lines stand in the stay, so that its admission is not cancelled",
        "withdraw the lines (2302) first";
    /// No line stands that the call could be about.
    NoLines, "NO_LINES", FailedPrecondition,
        "no line stands in the stay that is not settled",
        "upload the lines (2301); nothing where every line is settled";
    /// A line of that number stands.
    LineExists, "LINE_EXISTS", FailedPrecondition,
        "a line `feedetl_sn` stands in the stay already",
        "number every line of the stay once; withdraw the line (2302) to send it anew";
    /// No line of that number stands.
    LineNotFound, "LINE_NOT_FOUND", FailedPrecondition,
        "no line `feedetl_sn` stands in the stay, to be withdrawn or refunded",
        "check the number; a refund comes with its charge or after it";
    /// The line is settled.
    LineSettled, "LINE_SETTLED", FailedPrecondition,
        "the line `feedetl_sn` is settled by the mid-stay settlement `setl_id`: it is not withdrawn nor refunded",
        "cancel that settlement (2305) first";
    /// A refund names the line.
    LineRefunded, "LINE_REFUNDED", FailedPrecondition,
        "the line `feedetl_sn` is refunded by the line `by`, which stands",
        "withdraw the refund too, or first";
    /// More lines than a stay may have.
    TooManyLines, "TOO_MANY_LINES", FailedPrecondition,
        "the stay would have more lines, `lines`, than one takes, 200,000 (`limit`)",
        "discharge and settle it; what follows is a stay of its own, under another mdtrt_id";
    /// More unsettled lines than one settlement takes.
    TooManyUnsettled, "TOO_MANY_UNSETTLED", FailedPrecondition,
        "the stay would have more lines that are not settled, `lines`, than one settlement takes, 50,000 (`limit`)",
        "settle the stay midway (2304 with mid_setl_flag 1), then send these lines again, under the same msgid";
    /// A later call stands on the earlier one.
    LaterCallStands, "LATER_CALL_STANDS", FailedPrecondition,
        "a later call of the stay stands on the one that is to be reversed",
        "reverse the later call first";
    /// What the call did is gone.
    AlreadyTakenBack, "ALREADY_TAKEN_BACK", FailedPrecondition,
        "what the call to be reversed did to the stay was cancelled, withdrawn or reversed before",
        "nothing: it is undone";
    /// A correction would have to settle again what cannot be settled any more.
    CannotReadjudicate, "CANNOT_READJUDICATE", FailedPrecondition,
        "a correction would have to settle `setl_id` again, and its stored bill cannot be settled under the packs and checks of now, or was erased; `because` is the reason that it would be refused with",
        "add the pack that is missing, or correct that settlement first with a bill that can be settled";
    /// No programme for the insurance.
    NoProgramme, "NO_PROGRAMME", FailedPrecondition,
        "no programme is known for the insurance type and area of the person",
        "check insutype and insuplc_admdvs, or add the area's packs";
    /// A pack does not decide on the date.
    PackOutsideDates, "PACK_OUTSIDE_DATES", FailedPrecondition,
        "a pack of the programme has no version for the date its rule goes by",
        "check the dates of the visit, or add the version";
    /// A pack says that it cannot decide such a claim.
    CaseOutOfScope, "CASE_OUT_OF_SCOPE", FailedPrecondition,
        "a pack of the programme has no rules for such a case and says so",
        "settle the case elsewhere, or add the rules";
    /// A policy of a product that has no place in the programme.
    UnknownProduct, "UNKNOWN_PRODUCT", FailedPrecondition,
        "a policy names a product that has no place in the person's programme",
        "correct policyinfo.product, or add the product to the programme";
    /// Two policies of one product on one day.
    TwoPolicies, "TWO_POLICIES", FailedPrecondition,
        "two policies of one product are in force on one day, and the rules cannot say which pays",
        "send only the policy that is to pay";
    /// The programme leaves the public layers to the national platform.
    NeedsNationalAnswer, "NEEDS_NATIONAL_ANSWER", FailedPrecondition,
        "the person's programme leaves the public layers to the national platform, and the claim carries no answer of it",
        "settle with the national platform first (2304) and send its answer as national, or send pub_setl_flag 0";
    /// A policy schedule lacks a number.
    PolicyScheduleLacks, "POLICY_SCHEDULE_LACKS", FailedPrecondition,
        "the product of a policy asks for a number that the policy's schedule does not carry",
        "send the amount or ratio of that name in policyinfo.amounts or policyinfo.rates";
    /// Nothing of that name, or not the caller's.
    SettlementNotFound, "SETTLEMENT_NOT_FOUND", NotFound,
        "there is no such settlement, or it belongs to another person, visit or hospital",
        "check setl_id, psn_no, mdtrt_id and fixmedins_code";
    /// No register knows the person.
    PersonNotFound, "PERSON_NOT_FOUND", NotFound,
        "no register says anything of the person on that day",
        "check psn_no and date, or send what the person is insured under with the call";
    /// No hold of that name, or not the caller's.
    HoldNotFound, "HOLD_NOT_FOUND", NotFound,
        "there is no such hold, or it belongs to another hospital",
        "check hold_id; or settle without it, which books what is right now";
    /// The hold is of something else.
    HoldDiffers, "HOLD_DIFFERS", FailedPrecondition,
        "the hold is of another person or another visit; `field` says which",
        "check hold_id, psn_no and mdtrt_id";
    /// The hold's time is over.
    HoldExpired, "HOLD_EXPIRED", FailedPrecondition,
        "the time until which the quote bound is over, `until`; nothing was booked",
        "ask for a new quote, or settle without hold_id, which books what is right now";
    /// The visit has a newer hold.
    HoldReplaced, "HOLD_REPLACED", FailedPrecondition,
        "the visit was given a newer hold, `hold_id`, which replaced this one",
        "settle within the newer one; a reversal has nothing left to release";
    /// The hold was used.
    HoldSettled, "HOLD_SETTLED", FailedPrecondition,
        "the hold ended with the settlement of its visit, `setl_id`",
        "nothing where that settlement was meant; to settle again, or to undo, cancel it first";
    /// The hold was reversed.
    HoldReleased, "HOLD_RELEASED", FailedPrecondition,
        "the call that made the hold was reversed, by `setl_id`",
        "ask for a new quote, or settle without hold_id, which books what is right now";
    /// The quote cannot be kept.
    HoldInputChanged, "HOLD_INPUT_CHANGED", FailedPrecondition,
        "an amount would differ from the quote, because an input changed since: `input` names the first, `quoted` and `now` its values; nothing was booked, and the hold stays",
        "tell the patient and ask for a new quote, or settle without hold_id, which books what is right now";
    /// The committer's queue is full.
    Busy, "BUSY", ResourceExhausted,
        "too many settlements are waiting; nothing was stored",
        "send the same message again after the delay in RetryInfo";
    /// The disk is nearly full.
    DiskNearlyFull, "DISK_NEARLY_FULL", ResourceExhausted,
        "the ledger's disk is nearly full; nothing was booked, cancellations and queries still work",
        "tell the operator; send the same message again once there is space";
    /// The answer would not fit a message.
    AnswerTooLarge, "ANSWER_TOO_LARGE", ResourceExhausted,
        "the answer, or that of its cancellation, would have more bytes than an answer may, so nothing was booked; `bytes` and `limit` say how many",
        "settle the stay in parts (mid_setl_flag 1): withdraw the latest lines (2302) where they are in already, and upload them again behind the part";
    /// More lines than one settlement takes.
    SettlementTooLong, "SETTLEMENT_TOO_LONG", ResourceExhausted,
        "the bill has more lines, `lines`, than one settlement takes, 50,000 (`limit`); nothing was booked",
        "settle the stay in parts (mid_setl_flag 1): withdraw the latest lines (2302), and upload them again behind the part";
    /// More than a record or a row of the ledger holds.
    TooLargeToBook, "TOO_LARGE_TO_BOOK", ResourceExhausted,
        "what would be booked, `what`, has more bytes than the ledger keeps in one place, `bytes` of `limit`; nothing was booked",
        "settle the stay in parts, as under SETTLEMENT_TOO_LONG; instead of a correction that reaches many long settlements, undo the later ones and settle them again";
    /// Every place for reading a period is taken.
    PeriodsBusy, "PERIODS_BUSY", ResourceExhausted,
        "other calls that read a period were under way until the deadline; nothing was read",
        "call again after the delay in RetryInfo, or with a longer deadline";
    /// The reading of a period took too long.
    PeriodUnread, "PERIOD_UNREAD", DeadlineExceeded,
        "the deadline passed before the period was read",
        "ask for a shorter period, or with a longer deadline";
    /// More rows than one call compares.
    PeriodTooLarge, "PERIOD_TOO_LARGE", ResourceExhausted,
        "the ledger has more bookings of the hospital in the period than one call compares, 100,000 unless configured otherwise",
        "reconcile a shorter period";
    /// The ledger has stopped.
    LedgerStopped, "LEDGER_STOPPED", Unavailable,
        "the ledger stopped after a write that it could not confirm; whether this call was booked is unknown",
        "ask QueryByMsgid once the gateway serves again, or send the same message again";
    /// The deadline passed before the commit.
    DeadlineBeforeCommit, "DEADLINE_BEFORE_COMMIT", DeadlineExceeded,
        "the deadline passed before the settlement was committed; nothing was booked",
        "send the same message again";
    /// The deadline passed while the commit may be under way.
    OutcomeUnknown, "OUTCOME_UNKNOWN", DeadlineExceeded,
        "the deadline passed while the call was under way; it may still be booked",
        "ask QueryByMsgid, or send the same message again";
    /// Not built yet.
    NotImplemented, "NOT_IMPLEMENTED", Unimplemented,
        "the call, or the part of it that was asked for, is not implemented yet",
        "use SettleBill, the calls of a stay from Admit to Settle, PreSettle, CancelSettlement, Reverse, CorrectSettlement, GetSettlement, ListFees, QueryByMsgid, GetAccumulators, GetPerson, ReconcileTotals, ReconcileDetails or Clearing";
    /// A defect of the engine or of a pack.
    Fault, "FAULT", Internal,
        "a defect of the engine or of a pack; nothing was booked",
        "report the time and msgid to the operator; the log has the details";
}

/// What a call can come to instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The message is wrong.
    Invalid(InvalidMessage),
    /// The `msgid` was used with other content.
    Conflict(Difference),
    /// The message, or the one that a reversal names, was reversed before it came.
    Reversed {
        /// The `msgid` of that reversal.
        msgid: String,
    },
    /// The message, or the one that a reversal names, is booked, and its content was erased.
    Erased {
        /// What it booked.
        setl_id: String,
    },
    /// The call that a reversal names is another person's.
    OtherPerson,
    /// The call that a reversal names is another transaction.
    OtherTransaction {
        /// The one it is.
        infno: &'static str,
    },
    /// The call that a reversal names is a cancellation, which stands.
    CancellationStands {
        /// The cancellation.
        setl_id: String,
    },
    /// The visit is settled.
    AlreadySettled {
        /// By this settlement.
        setl_id: String,
    },
    /// A later settlement must be cancelled first.
    Blocked {
        /// The later settlement.
        setl_id: String,
    },
    /// The settlement is cancelled or reversed.
    AlreadyCancelled {
        /// By this cancellation or reversal.
        setl_id: String,
    },
    /// The stay does not take the call.
    Stay(StayRefusal),
    /// The earlier call took something of a stay back, and stands.
    StayCancellationStands,
    /// A settlement that a correction would have to settle again cannot be.
    NotAgain {
        /// The settlement.
        setl_id: String,
        /// What it would be refused with.
        because: Box<Refusal>,
    },
    /// No programme applies.
    Unresolved(Unresolved),
    /// No such settlement, or not the caller's.
    NotFound,
    /// No register knows the person.
    PersonNotFound,
    /// No such hold, or another hospital's.
    HoldNotFound,
    /// The hold is another person's, or of another visit.
    HoldDiffers {
        /// The field that differs.
        field: &'static str,
    },
    /// The hold's time is over.
    HoldExpired {
        /// Since when.
        until: String,
    },
    /// The hold ended before that.
    HoldEnded(Ended),
    /// An amount would differ from the quote.
    HoldInputChanged(Box<ChangedInput>),
    /// The queue is full.
    Busy,
    /// The disk is nearly full.
    DiskNearlyFull,
    /// The answer would not fit a message.
    AnswerTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No place for reading a period was free.
    PeriodsBusy,
    /// The period was not read by the deadline.
    PeriodUnread,
    /// The period has too many rows.
    PeriodTooLarge {
        /// How many it may have.
        limit: usize,
    },
    /// More lines than one settlement takes.
    SettlementTooLong {
        /// How many.
        lines: usize,
    },
    /// More than a record or a row of the ledger holds.
    TooLargeToBook {
        /// What of it.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The ledger has stopped.
    Stopped,
    /// The deadline passed, and nothing was booked.
    DeadlineBeforeCommit,
    /// The deadline passed, and it may still be booked.
    OutcomeUnknown,
    /// Not built yet: the transaction as the sentence names it.
    NotImplemented(&'static str),
    /// A defect. The log has the details.
    Fault,
}

impl Refusal {
    /// The stable reason.
    pub fn reason(&self) -> ErrorReason {
        match self {
            Refusal::Invalid(_) => ErrorReason::InvalidMessage,
            Refusal::Conflict(_) => ErrorReason::MessageConflict,
            Refusal::Reversed { .. } => ErrorReason::MessageReversed,
            Refusal::Erased { .. } => ErrorReason::MessageErased,
            Refusal::OtherPerson | Refusal::OtherTransaction { .. } => ErrorReason::OriginalDiffers,
            Refusal::CancellationStands { .. } | Refusal::StayCancellationStands => {
                ErrorReason::CancellationStands
            }
            Refusal::Stay(refusal) => stay::reason(refusal),
            Refusal::AlreadySettled { .. } => ErrorReason::AlreadySettled,
            Refusal::Blocked { .. } => ErrorReason::BlockedByLater,
            Refusal::AlreadyCancelled { .. } => ErrorReason::AlreadyCancelled,
            Refusal::Unresolved(Unresolved::NoProgramme { .. }) => ErrorReason::NoProgramme,
            Refusal::Unresolved(Unresolved::OutsideDates { .. }) => ErrorReason::PackOutsideDates,
            Refusal::Unresolved(Unresolved::OutOfScope { .. }) => ErrorReason::CaseOutOfScope,
            Refusal::Unresolved(Unresolved::UnknownProduct { .. }) => ErrorReason::UnknownProduct,
            Refusal::Unresolved(Unresolved::TwoPolicies { .. }) => ErrorReason::TwoPolicies,
            Refusal::Unresolved(Unresolved::NeedsNationalAnswer { .. }) => ErrorReason::NeedsNationalAnswer,
            Refusal::Unresolved(Unresolved::ScheduleLacks { .. }) => ErrorReason::PolicyScheduleLacks,
            Refusal::NotAgain { .. } => ErrorReason::CannotReadjudicate,
            Refusal::NotFound => ErrorReason::SettlementNotFound,
            Refusal::PersonNotFound => ErrorReason::PersonNotFound,
            Refusal::HoldNotFound => ErrorReason::HoldNotFound,
            Refusal::HoldDiffers { .. } => ErrorReason::HoldDiffers,
            Refusal::HoldExpired { .. } => ErrorReason::HoldExpired,
            Refusal::HoldEnded(ended) => match ended.ending {
                Ending::Settled => ErrorReason::HoldSettled,
                Ending::Replaced => ErrorReason::HoldReplaced,
                Ending::Released => ErrorReason::HoldReleased,
            },
            Refusal::HoldInputChanged(_) => ErrorReason::HoldInputChanged,
            Refusal::Busy => ErrorReason::Busy,
            Refusal::DiskNearlyFull => ErrorReason::DiskNearlyFull,
            Refusal::AnswerTooLarge { .. } => ErrorReason::AnswerTooLarge,
            Refusal::PeriodsBusy => ErrorReason::PeriodsBusy,
            Refusal::PeriodUnread => ErrorReason::PeriodUnread,
            Refusal::PeriodTooLarge { .. } => ErrorReason::PeriodTooLarge,
            Refusal::SettlementTooLong { .. } => ErrorReason::SettlementTooLong,
            Refusal::TooLargeToBook { .. } => ErrorReason::TooLargeToBook,
            Refusal::Stopped => ErrorReason::LedgerStopped,
            Refusal::DeadlineBeforeCommit => ErrorReason::DeadlineBeforeCommit,
            Refusal::OutcomeUnknown => ErrorReason::OutcomeUnknown,
            Refusal::NotImplemented(_) => ErrorReason::NotImplemented,
            Refusal::Fault => ErrorReason::Fault,
        }
    }

    /// The sentence for the caller.
    pub fn phrase(&self) -> Phrase {
        match self {
            Refusal::Invalid(invalid) => Phrase::made(invalid.text(Lang::Zh), invalid.text(Lang::En)),
            Refusal::Conflict(difference) => difference.phrase(),
            Refusal::Reversed { msgid } => Phrase::made(
                format!("报文在到达之前已被 `{msgid}` 冲正，不再受理"),
                format!("the message was reversed by `{msgid}` before it came, and is refused for ever"),
            ),
            Refusal::Erased { setl_id } => Phrase::made(
                format!("报文已入账为 `{setl_id}`，其内容已按规定删除，不再入账"),
                format!("the message booked `{setl_id}`, whose content was erased; it is not booked again"),
            ),
            Refusal::OtherPerson => Phrase::fixed(
                "原报文已到达，但 psn_no 不是其人员；未作改动",
                "the earlier call arrived, but psn_no is not its person; nothing was changed",
            ),
            Refusal::OtherTransaction { infno } => Phrase::made(
                format!("原报文已到达，但其交易为 {infno}；未作改动"),
                format!("the earlier call arrived, but its transaction is {infno}; nothing was changed"),
            ),
            Refusal::CancellationStands { setl_id } => Phrase::made(
                format!("原报文是已到达的撤销 `{setl_id}`，撤销不可冲正，如需结算请以新 msgid 重新结算"),
                format!(
                    "the earlier call is the cancellation `{setl_id}`, which arrived and stands; settle again under a new msgid"
                ),
            ),
            Refusal::StayCancellationStands => Phrase::fixed(
                "原报文是已到达的撤销，撤销不可冲正，如需恢复请以新 msgid 重新办理",
                "the earlier call is a cancellation of a step of the stay, which arrived and stands; do the step again under a new msgid",
            ),
            Refusal::Stay(refusal) => stay::phrase(refusal),
            Refusal::AlreadySettled { setl_id } => Phrase::made(
                format!("本次就诊已结算：setl_id `{setl_id}`"),
                format!("the visit is settled already: setl_id `{setl_id}`"),
            ),
            Refusal::Blocked { setl_id } => Phrase::made(
                format!("须先撤销其后的结算 `{setl_id}`"),
                format!("the later settlement `{setl_id}` must be cancelled first"),
            ),
            Refusal::AlreadyCancelled { setl_id } => Phrase::made(
                format!("该结算已被 `{setl_id}` 撤销"),
                format!("the settlement is cancelled already, by `{setl_id}`"),
            ),
            Refusal::NotAgain { setl_id, because } => {
                let Phrase { zh, en } = because.phrase();
                Phrase::made(
                    format!("更正涉及的结算 `{setl_id}` 无法重新结算：{zh}；未作改动"),
                    format!(
                        "settlement `{setl_id}`, which the correction reaches, cannot be settled again: {en}; nothing was changed"
                    ),
                )
            }
            Refusal::Unresolved(unresolved) => unresolved_phrase(unresolved),
            Refusal::NotFound => Phrase::fixed("结算不存在", "no such settlement"),
            Refusal::PersonNotFound => {
                Phrase::fixed("登记库中当日无此人员", "no register knows the person on that day")
            }
            Refusal::HoldNotFound => Phrase::fixed("预结算保留不存在", "no such hold"),
            Refusal::HoldDiffers { field } => Phrase::made(
                format!("预结算保留的 {field} 与本报文不同"),
                format!("the hold is of another {field}"),
            ),
            Refusal::HoldExpired { until } => Phrase::made(
                format!("预结算保留已于 {until} 到期，未记账"),
                format!("the hold expired at {until}; nothing was booked"),
            ),
            Refusal::HoldEnded(ended) => ended_phrase(ended),
            Refusal::HoldInputChanged(changed) => changed.phrase(),
            Refusal::Busy => {
                Phrase::fixed("系统繁忙，请稍后重发同一报文", "busy: send the same message again shortly")
            }
            Refusal::DiskNearlyFull => Phrase::fixed(
                "账本磁盘将满，未记账，撤销与查询不受影响",
                "the ledger's disk is nearly full; nothing was booked, cancellations and queries still work",
            ),
            Refusal::AnswerTooLarge { bytes, limit } => Phrase::made(
                format!("应答 {bytes} 字节，超过上限 {limit}，未记账"),
                format!("the answer has {bytes} bytes, more than {limit}; nothing was booked"),
            ),
            Refusal::PeriodsBusy => Phrase::fixed(
                "对账与清算正忙，请稍后再试",
                "other calls that read a period are under way: call again shortly",
            ),
            Refusal::PeriodUnread => Phrase::fixed(
                "已超时，期间未读完，请缩短期间或延长时限",
                "the deadline passed before the period was read; ask for a shorter one, or with a longer deadline",
            ),
            Refusal::PeriodTooLarge { limit } => Phrase::made(
                format!("期间内本院账目超过 {limit} 笔，请缩短期间"),
                format!("the hospital has more than {limit} bookings in the period; reconcile a shorter one"),
            ),
            Refusal::SettlementTooLong { lines } => Phrase::made(
                format!(
                    "账单有 {lines} 行，超过一次结算的上限 {SETTLEMENT_LINES_MAX}，未记账，请分次中途结算"
                ),
                format!(
                    "the bill has {lines} lines, more than the {SETTLEMENT_LINES_MAX} of one settlement; nothing was booked, settle the stay in parts"
                ),
            ),
            Refusal::TooLargeToBook { what, bytes, limit } => Phrase::made(
                format!("拟记账内容 {what} 为 {bytes} 字节，超过账本上限 {limit}，未记账"),
                format!(
                    "what would be booked, {what}, has {bytes} bytes, more than the {limit} that the ledger keeps in one place; nothing was booked"
                ),
            ),
            Refusal::Stopped => Phrase::fixed(
                "账本已停止，结果未知，请用 QueryByMsgid 查询",
                "the ledger has stopped; the outcome is unknown, ask QueryByMsgid",
            ),
            Refusal::DeadlineBeforeCommit => {
                Phrase::fixed("已超时，未记账", "the deadline passed; nothing was booked")
            }
            Refusal::OutcomeUnknown => Phrase::fixed(
                "已超时，结果未知，请用 QueryByMsgid 查询或重发同一报文",
                "the deadline passed; the outcome is unknown, ask QueryByMsgid or send the same message again",
            ),
            Refusal::NotImplemented(call) => {
                Phrase::made(format!("{call} 尚未实现"), format!("{call} is not implemented yet"))
            }
            Refusal::Fault => Phrase::fixed(
                "系统故障，未记账，请联系运维",
                "a fault of the engine; nothing was booked, contact the operator",
            ),
        }
    }
}

fn ended_phrase(Ended { ending, by, .. }: &Ended) -> Phrase {
    let (zh, en) = match ending {
        Ending::Settled => ("已随结算", "ended with the settlement"),
        Ending::Replaced => ("已被本次就诊较新的保留", "was replaced by the visit's newer one,"),
        Ending::Released => ("已被冲正", "was released by the reversal"),
    };
    let behind = match ending {
        Ending::Settled => "使用",
        Ending::Replaced => "取代",
        Ending::Released => "释放",
    };
    Phrase::made(format!("预结算保留{zh} `{by}` {behind}"), format!("the hold {en} `{by}`"))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.phrase().en)
    }
}

impl std::error::Error for Refusal {}

fn unresolved_phrase(unresolved: &Unresolved) -> Phrase {
    let zh = match unresolved {
        Unresolved::NoProgramme { insutype, insuplc_admdvs, date } => {
            format!("{date} 没有适用于险种 {insutype}、参保地 {insuplc_admdvs} 的方案")
        }
        Unresolved::OutsideDates { pack, date } => format!("规则包 `{pack}` 在 {date} 没有版本"),
        Unresolved::OutOfScope { pack, reason } => {
            format!("规则包 `{pack}` 没有此情形的规则：{}", reason.text(Lang::Zh))
        }
        Unresolved::UnknownProduct { product, programme } => {
            format!("保单产品 `{product}` 不在方案 `{programme}` 中")
        }
        Unresolved::TwoPolicies { product, date } => {
            format!("产品 `{product}` 在 {date} 有两份有效保单")
        }
        Unresolved::NeedsNationalAnswer { programme } => {
            format!("方案 `{programme}` 需要国家平台的结算结果")
        }
        Unresolved::ScheduleLacks { product, name } => {
            format!("产品 `{product}` 的保单缺少约定项 `{name}`")
        }
    };
    Phrase::made(zh, unresolved.to_string())
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let reason = refusal.reason();
        let Phrase { zh, en } = refusal.phrase();
        let message = en.to_string();
        let mut metadata =
            HashMap::from([("zh".to_owned(), zh.into_owned()), ("en".to_owned(), en.into_owned())]);
        let mut details = ErrorDetails::new();
        match &refusal {
            Refusal::Invalid(invalid) => {
                if let Some(first) = invalid.faults().first() {
                    metadata.insert("field".to_owned(), first.field.clone());
                    metadata.insert("code".to_owned(), first.code.code().to_owned());
                }
                metadata.insert("faults".to_owned(), invalid.count().to_string());
                details.set_bad_request(violations(invalid));
            }
            Refusal::Conflict(difference) => {
                metadata.insert("field".to_owned(), difference.field.clone());
            }
            Refusal::Reversed { msgid } => {
                metadata.insert("msgid".to_owned(), msgid.clone());
            }
            Refusal::OtherPerson => {
                metadata.insert("field".to_owned(), "psn_no".to_owned());
            }
            Refusal::OtherTransaction { infno } => {
                metadata.insert("field".to_owned(), "oinfno".to_owned());
                metadata.insert("infno".to_owned(), (*infno).to_owned());
            }
            Refusal::AlreadySettled { setl_id }
            | Refusal::Erased { setl_id }
            | Refusal::CancellationStands { setl_id }
            | Refusal::Blocked { setl_id }
            | Refusal::AlreadyCancelled { setl_id } => {
                metadata.insert("setl_id".to_owned(), setl_id.clone());
            }
            Refusal::Stay(refusal) => metadata.extend(stay::named(refusal)),
            Refusal::NotAgain { setl_id, because } => {
                metadata.insert("setl_id".to_owned(), setl_id.clone());
                metadata.insert("because".to_owned(), because.reason().code().to_owned());
            }
            Refusal::HoldDiffers { field } => {
                metadata.insert("field".to_owned(), (*field).to_owned());
            }
            Refusal::HoldExpired { until } => {
                metadata.insert("until".to_owned(), until.clone());
            }
            Refusal::HoldEnded(ended) => {
                let name = if ended.ending == Ending::Replaced { "hold_id" } else { "setl_id" };
                metadata.insert(name.to_owned(), ended.by.to_string());
            }
            Refusal::HoldInputChanged(changed) => {
                let (quoted, now) = changed.values(Lang::En);
                metadata.insert("input".to_owned(), changed.name());
                metadata.insert("quoted".to_owned(), quoted);
                metadata.insert("now".to_owned(), now);
            }
            Refusal::AnswerTooLarge { bytes, limit } => {
                metadata.extend(sizes("bytes", *bytes, *limit));
            }
            Refusal::SettlementTooLong { lines } => {
                metadata.extend(sizes("lines", *lines, SETTLEMENT_LINES_MAX as usize));
            }
            Refusal::TooLargeToBook { what, bytes, limit } => {
                metadata.insert("what".to_owned(), (*what).to_owned());
                metadata.extend(sizes("bytes", *bytes, *limit));
            }
            Refusal::Busy | Refusal::PeriodsBusy => {
                details.set_retry_info(Some(BUSY_RETRY));
            }
            _ => {}
        }
        details.set_error_info(reason.code(), DOMAIN, metadata);
        Status::with_error_details(reason.grpc(), message, details)
    }
}

fn sizes(unit: &str, is: usize, limit: usize) -> [(String, String); 2] {
    [(unit.to_owned(), is.to_string()), ("limit".to_owned(), limit.to_string())]
}

/// As many faults as fit the trailers, in the order of the message.
fn violations(invalid: &InvalidMessage) -> Vec<FieldViolation> {
    let mut bytes = 0;
    let mut violations = Vec::new();
    for fault in invalid.faults() {
        let (zh, en) = (fault.text(Lang::Zh), fault.text(Lang::En));
        bytes += fault.field.len() + zh.len() + en.len();
        if bytes > VIOLATIONS_BYTES_MAX {
            break;
        }
        violations.push(FieldViolation {
            field: fault.field.clone(),
            description: en,
            reason: fault.code.code().to_ascii_uppercase(),
            localized_message: Some(LocalizedMessage::new("zh-CN", zh)),
        });
    }
    violations
}
