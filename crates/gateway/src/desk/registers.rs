//! What a call does not carry is taken from the registers, on the day of its settlement; and the call that asks (1101).
//!
//! A node that the call carries is never touched. What was taken stands in the answer with its version. What is stored of
//! the call is what was sent, so that the same message is the same one whatever the registers say by then. Registers are
//! imported while no gateway serves, so they stand still here.

use std::borrow::Cow;
use std::sync::Arc;

use bedside_claim::{
    AccountBalance, AccumulatorChange, AccumulatorKey, Accumulators, Claim, Date, Measure, Money, Overflow,
    Owner, Settlement, Term,
};

use super::{Desk, blocking};
use crate::errors::Refusal;
use crate::registers::{PersonOnDay, RegisterReadError, hospital_on, person_on};
use crate::request;
use crate::v1;

/// Whose accumulators say what an account stated in a register has paid since.
const REGISTER_PACK: &str = "register";

/// What of a request was taken from registers.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    pub(super) versions: Vec<v1::RegisterVersion>,
    account: Option<Account>,
}

/// An account whose balance a register states.
#[derive(Debug, Clone)]
struct Account {
    /// `balc/310`.
    benefit: Arc<str>,
    version: Arc<str>,
}

/// What a request was before it was completed.
#[derive(Default)]
pub(super) struct Sent {
    header: Option<v1::Header>,
    baseinfo: Option<Option<v1::BaseInfo>>,
    insuinfo: bool,
    idetinfo: bool,
    policyinfo: bool,
    preexinfo: bool,
}

impl Sent {
    /// Takes out what was put in.
    pub(super) fn restore(self, request: &mut v1::SettleBillRequest) {
        let Sent { header, baseinfo, insuinfo, idetinfo, policyinfo, preexinfo } = self;
        if header.is_some() {
            request.header = header;
        }
        if let Some(baseinfo) = baseinfo {
            request.baseinfo = baseinfo;
        }
        if insuinfo {
            request.insuinfo.clear();
        }
        if idetinfo {
            request.idetinfo.clear();
        }
        if policyinfo {
            request.policyinfo.clear();
        }
        if preexinfo {
            request.preexinfo.clear();
        }
    }
}

impl Desk {
    /// Puts into a request what it lacks and the registers have.
    pub(super) fn complete(&self, request: &mut v1::SettleBillRequest) -> Result<(Taken, Sent), Refusal> {
        let (mut taken, mut sent) = (Taken::default(), Sent::default());
        // A request without a day is refused for that.
        let Some(day) = self.has_registers.then(|| settlement_day(request)).flatten() else {
            return Ok((taken, sent));
        };
        self.complete_hospital(request, day, &mut taken, &mut sent)?;
        let psn_no = psn_no_of(request).to_owned();
        if !lacks_person(request) || psn_no.is_empty() {
            return Ok((taken, sent));
        }
        let person = self.person_on(&psn_no, day)?;
        if !has_base(request)
            && let Some(base) = &person.baseinfo
        {
            let before = request.baseinfo.clone();
            let own = before.clone().unwrap_or_default();
            let v1::BaseInfo { gend, brdy, family_no, .. } = base.clone();
            request.baseinfo = Some(v1::BaseInfo { psn_no, gend, brdy, family_no, ..own });
            sent.baseinfo = Some(before);
            taken.versions.extend(person.versions_of("baseinfo").cloned());
        }
        if request.insuinfo.is_empty() {
            taken.versions.extend(person.versions_of("insuinfo").cloned());
            taken.account = account_of(request, &person);
            taken.versions.extend(person.versions_of("balc").cloned());
            request.insuinfo = person.insuinfo.clone();
            sent.insuinfo = true;
        }
        if request.idetinfo.is_empty() {
            taken.versions.extend(person.versions_of("idetinfo").cloned());
            request.idetinfo = person.idetinfo.clone();
            sent.idetinfo = true;
        }
        if request.policyinfo.is_empty() {
            taken.versions.extend(person.versions_of("policyinfo").cloned());
            request.policyinfo = person.policyinfo.clone();
            sent.policyinfo = true;
        }
        if request.preexinfo.is_empty() {
            taken.versions.extend(person.versions_of("preexinfo").cloned());
            request.preexinfo = person.preexinfo.clone();
            sent.preexinfo = true;
        }
        Ok((taken, sent))
    }

    fn complete_hospital(
        &self,
        request: &mut v1::SettleBillRequest,
        day: Date,
        taken: &mut Taken,
        sent: &mut Sent,
    ) -> Result<(), Refusal> {
        let Some(header) = &mut request.header else { return Ok(()) };
        if !lacks_hospital(header) {
            return Ok(());
        }
        let found = hospital_on(&self.ledger, &self.tenant, &header.fixmedins_code, day);
        let Some(hospital) = found.map_err(register_refusal)? else { return Ok(()) };
        sent.header = Some(header.clone());
        if header.hosp_lv.is_empty() {
            header.hosp_lv = hospital.row.hosp_lv;
            if header.community_flag.is_empty() {
                header.community_flag = hospital.row.community_flag;
            }
        }
        if header.fixmedins_name.is_empty() {
            header.fixmedins_name = hospital.row.fixmedins_name;
        }
        if header.mdtrtarea_admvs.is_empty() {
            header.mdtrtarea_admvs = hospital.row.mdtrtarea_admvs;
        }
        taken.versions.push(hospital.version);
        Ok(())
    }

    /// Whether a request may need the registers, which may have to be read from the disk.
    pub(super) fn may_complete(&self, request: &v1::SettleBillRequest) -> bool {
        self.has_registers && (lacks_person(request) || request.header.as_ref().is_some_and(lacks_hospital))
    }

    fn person_on(&self, psn_no: &str, day: Date) -> Result<PersonOnDay, Refusal> {
        person_on(&self.ledger, &self.tenant, psn_no, day).map_err(register_refusal)
    }

    /// What the registers say of a person on a day, with the balance as settlements have left it.
    pub(crate) async fn get_person(
        &self,
        request: v1::GetPersonRequest,
    ) -> Result<v1::GetPersonResponse, Refusal> {
        let day = request::get_person(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        blocking(move || {
            let mut person = desk.person_on(&request.psn_no, day)?;
            if person.is_empty() {
                return Err(Refusal::PersonNotFound);
            }
            let accumulators = desk.with_family(&desk.person_key(&request.psn_no), None)?;
            for index in 0..person.insuinfo.len() {
                let insutype = person.insuinfo[index].insutype.clone();
                if let Some(account) = account_of_type(&insutype, &person) {
                    left_in(&mut person.insuinfo[index], &account, &accumulators).map_err(|Overflow| {
                        tracing::error!("a balance of a register is out of range");
                        Refusal::Fault
                    })?;
                }
            }
            let PersonOnDay { baseinfo, insuinfo, idetinfo, policyinfo, preexinfo, versions } = person;
            Ok(v1::GetPersonResponse {
                baseinfo,
                insuinfo,
                idetinfo,
                policyinfo,
                preexinfo,
                register_versions: versions,
            })
        })
        .await?
    }
}

impl Taken {
    /// The claim with what is left on the account whose balance a register states: other settlements may have used it.
    ///
    /// # Errors
    /// [`Overflow`].
    pub(super) fn claim<'a>(
        &self,
        claim: &'a Claim,
        accumulators: &Accumulators,
    ) -> Result<Cow<'a, Claim>, Overflow> {
        let Some(account) = &self.account else { return Ok(Cow::Borrowed(claim)) };
        let left = account.left(claim.person.balc, accumulators)?;
        if left == claim.person.balc {
            return Ok(Cow::Borrowed(claim));
        }
        let mut claim = claim.clone();
        claim.person.balc = left;
        Ok(Cow::Owned(claim))
    }

    /// Notes with the settlement what it takes from that account.
    ///
    /// # Errors
    /// [`Overflow`].
    pub(super) fn note(
        &self,
        claim: &Claim,
        accumulators: &Accumulators,
        settlement: &mut Settlement,
    ) -> Result<(), Overflow> {
        let Some(account) = &self.account else { return Ok(()) };
        let (current_year, past_year) = drawn(claim, settlement)?;
        let term = Term::Year(settlement.benefit_year);
        for (part, amount) in [(CURRENT_YEAR, current_year), (PAST_YEAR, past_year)] {
            if amount == Money::ZERO {
                continue;
            }
            let key = account.key(term.clone(), part);
            let before = accumulators.get(&key);
            settlement.accumulators.push(AccumulatorChange { after: before.plus(amount)?, key, before });
        }
        Ok(())
    }
}

const CURRENT_YEAR: &str = "current_year";
const PAST_YEAR: &str = "past_year";

/// What the person's own account pays, of this year's balance and of that from years before. The national platform does not
/// say from which its payment came: this year's goes first.
fn drawn(claim: &Claim, settlement: &Settlement) -> Result<(Money, Money), Overflow> {
    let paid = &settlement.account;
    let relatives = Money::sum(paid.relatives.iter().map(|(_, amount)| *amount))?;
    let stated = paid.current_year.plus(paid.past_year)?;
    let rest = settlement.acct_pay.minus(relatives)?.minus(stated)?;
    if rest == Money::ZERO {
        return Ok((paid.current_year, paid.past_year));
    }
    let current_year = rest.at_most(claim.person.balc.current_year);
    Ok((paid.current_year.plus(current_year)?, paid.past_year.plus(rest.minus(current_year)?)?))
}

impl Account {
    fn key(&self, term: Term, part: &str) -> AccumulatorKey {
        AccumulatorKey {
            owner: Owner::Person,
            term,
            pack: Arc::from(REGISTER_PACK),
            benefit: Arc::clone(&self.benefit),
            measure: Measure::Paid,
            subject: format!("{}/{part}", self.version).into(),
        }
    }

    /// The balance of this version less what settlements of whatever year took from it.
    fn left(&self, stated: AccountBalance, accumulators: &Accumulators) -> Result<AccountBalance, Overflow> {
        let used = |part: &str| {
            let of = self.key(Term::Lifetime, part);
            let is_of = |key: &AccumulatorKey| {
                key.pack == of.pack && key.benefit == of.benefit && key.subject == of.subject
            };
            Money::sum(accumulators.iter().filter(|(key, _)| is_of(key)).map(|(_, value)| value))
        };
        Ok(AccountBalance {
            current_year: stated.current_year.minus(used(CURRENT_YEAR)?)?.or_zero(),
            past_year: stated.past_year.minus(used(PAST_YEAR)?)?.or_zero(),
        })
    }
}

/// Puts what is left into an answered row.
fn left_in(row: &mut v1::InsuInfo, account: &Account, accumulators: &Accumulators) -> Result<(), Overflow> {
    let amount = |text: &str| Money::parse(text).unwrap_or(Money::ZERO);
    let past_year = amount(&row.past_year_balc);
    let stated = AccountBalance { current_year: amount(&row.balc).minus(past_year)?, past_year };
    let left = account.left(stated, accumulators)?;
    if left != stated {
        row.balc = left.total()?.to_string();
        row.past_year_balc = left.past_year.to_string();
    }
    Ok(())
}

/// The account of the insurance that pays for the visit.
fn account_of(request: &v1::SettleBillRequest, person: &PersonOnDay) -> Option<Account> {
    account_of_type(&request.mdtrtinfo.as_ref()?.insutype, person)
}

fn account_of_type(insutype: &str, person: &PersonOnDay) -> Option<Account> {
    let version = person.versions_of("balc").find(|version| version.key == insutype)?;
    Some(Account { benefit: format!("balc/{insutype}").into(), version: Arc::from(version.version.as_str()) })
}

fn psn_no_of(request: &v1::SettleBillRequest) -> &str {
    let own = request.baseinfo.as_ref().map_or("", |base| &base.psn_no);
    if own.is_empty() { request.mdtrtinfo.as_ref().map_or("", |info| &info.psn_no) } else { own }
}

fn has_base(request: &v1::SettleBillRequest) -> bool {
    request.baseinfo.as_ref().is_some_and(|base| !base.gend.is_empty())
}

fn lacks_person(request: &v1::SettleBillRequest) -> bool {
    !has_base(request)
        || request.insuinfo.is_empty()
        || request.idetinfo.is_empty()
        || request.policyinfo.is_empty()
        || request.preexinfo.is_empty()
}

fn lacks_hospital(header: &v1::Header) -> bool {
    [&header.fixmedins_name, &header.mdtrtarea_admvs, &header.hosp_lv].iter().any(|field| field.is_empty())
}

/// The day of settlement, or that of discharge.
fn settlement_day(request: &v1::SettleBillRequest) -> Option<Date> {
    let stated = request.data.as_ref().map_or("", |data| &data.setl_date);
    let text = if stated.is_empty() { request.dscginfo.as_ref()?.endtime.get(..10)? } else { stated };
    text.parse().ok()
}

/// A register that cannot be read is a fault; it names nobody.
fn register_refusal(error: RegisterReadError) -> Refusal {
    tracing::error!(%error, "a register could not be read");
    Refusal::Fault
}
