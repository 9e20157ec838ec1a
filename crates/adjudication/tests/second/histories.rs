//! Random persons with random bills, drawn towards the edges of the rules.
//!
//! A plan is drawn first; it becomes claims bill by bill, because a bill may aim at an edge (the rest of a deductible,
//! a band edge, the rest of a limit, the payable balance) that depends on what the bills before it used up. Must not
//! know the core: what it aims at it asks of the second reading, so a wrong aim costs coverage and no check.

use bedside_claim::{
    AccountBalance, AccountUse, BasicInsurance, Bill, Claim, Date, Diagnosis, DiagnosisRole, FeeCategory,
    FourWaySplit, Hospital, HospitalApproval, HospitalTier, Identity, Line, Money, OutOfAreaFiling, Person,
    Policy, Price, PublicSettlement, Quantity, Setting, Settling, Sex, Span, Visit,
};
use jiff::ToSpan;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::exact::Fen;
use crate::packs::{Item, Packs};
use crate::reading::{self, Left, Used};

/// A span bounded by days about one of the bills.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    from: Option<(Index, i64)>,
    until: Option<(Index, i64)>,
}

#[derive(Debug, Clone)]
pub(crate) struct History {
    employee: bool,
    psn_type: &'static str,
    insured_in: &'static str,
    identities: Vec<(&'static str, Bounds)>,
    policies: Vec<(&'static str, Bounds)>,
    bills: Vec<Stay>,
}

#[derive(Debug, Clone)]
struct Stay {
    /// Whether it is another part of the stay before it, where both are in hospital.
    continues: bool,
    day: i64,
    nights: i64,
    settled_after: i64,
    tier: HospitalTier,
    med_type: &'static str,
    area: &'static str,
    filing: Option<OutOfAreaFiling>,
    charges: Vec<Charge>,
    aim: Option<Aim>,
    account: AccountUse,
    balance: Balance,
}

#[derive(Debug, Clone)]
struct Charge {
    item: Pick,
    price: Pricing,
    cnt: i64,
    approval: HospitalApproval,
    night: Index,
    hour: i8,
    refunds: Vec<Refund>,
    adopted: Option<([i64; 4], usize)>,
    sent: u16,
}

#[derive(Debug, Clone)]
struct Refund {
    tenths: i64,
    nights: i64,
    hour: i8,
    approval: HospitalApproval,
    sent: u16,
}

#[derive(Debug, Clone)]
enum Pick {
    Any(Index),
    Code(&'static str),
}

#[derive(Debug, Clone)]
enum Pricing {
    Units(i64),
    /// So many millionths off the ceiling.
    Ceiling(i64),
}

#[derive(Debug, Clone)]
enum Balance {
    Fen(i64),
    /// So many fen off what the account may pay.
    Payable(i64),
}

/// What the bill is filled up to, and how many fen off it.
#[derive(Debug, Clone)]
struct Aim {
    benefit: Index,
    edge: Edge,
    off: i64,
    adopted: bool,
}

#[derive(Debug, Clone)]
enum Edge {
    Deductible,
    Band(Index),
    Cap,
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let bound = |weight| prop::option::weighted(weight, (any::<Index>(), -1i64..=1));
    (bound(0.3), bound(0.3)).prop_map(|(from, until)| Bounds { from, until })
}

fn approval() -> impl Strategy<Value = HospitalApproval> {
    use HospitalApproval::{Granted, NotNeeded, Refused};
    prop_oneof![6 => Just(NotNeeded), 2 => Just(Granted), 1 => Just(Refused)]
}

fn charge() -> impl Strategy<Value = Charge> {
    // Terms that change by date, restricted use, drugs of level 03, ceilings by tier, and an item on no list.
    let special = select(vec![
        "XA16GBF005A001072038166",
        "XR15GDF083A001028084082",
        "XG09DFI086A008022074399",
        "XD07GCK010A001091085187",
        "XV16DXC080A004079056846",
        "XR13CGS200A008074092985",
        "ZV15ACA312A003068089783",
        "000102810785-010270013",
        "000101643849-010121259",
        "C0156333800050001513",
        "XA10XGD003A008061089736",
        "NOT-IN-ANY-CATALOGUE",
    ]);
    let item = prop_oneof![any::<Index>().prop_map(Pick::Any), special.prop_map(Pick::Code)];
    let price = prop_oneof![
        1i64..100_000,
        (1i64..200_000).prop_map(|halves| halves * 5_000),
        (1i64..300_000).prop_map(|fen| fen * 10_000),
        (1i64..100_000_000_000),
        (1i64..30_000).prop_map(|yuan| yuan * 100_000_000),
    ];
    let price = prop_oneof![
        3 => price.prop_map(Pricing::Units),
        1 => select(vec![-10_000, -1, 0, 1, 5_000, 10_000, 90_000_000]).prop_map(Pricing::Ceiling),
    ];
    let cnt = prop_oneof![
        3 => (1i64..30).prop_map(|whole| whole * 10_000),
        1 => (1i64..40).prop_map(|halves| halves * 5_000),
        1 => 1i64..200_000,
    ];
    let refund = (1i64..=10, 0i64..3, 7i8..10, approval(), any::<u16>())
        .prop_map(|(tenths, nights, hour, approval, sent)| Refund { tenths, nights, hour, approval, sent });
    let refunds = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(refund, 1..4)];
    let adopted = prop::option::weighted(0.25, (prop::array::uniform4(0i64..5), 0usize..4));
    (item, price, cnt, approval(), any::<Index>(), 7i8..10, refunds, adopted, any::<u16>()).prop_map(
        |(item, price, cnt, approval, night, hour, refunds, adopted, sent)| Charge {
            item,
            price,
            cnt,
            approval,
            night,
            hour,
            refunds,
            adopted,
            sent,
        },
    )
}

fn stay(first_day: i64) -> impl Strategy<Value = Stay> {
    let tier = select(HospitalTier::ALL.to_vec());
    let med_type = select(vec!["21", "21", "21", "52", "11", "1102", "1402", "140104"]);
    let area = select(vec!["330100", "330100", "330106", "330182", "330200", "310000"]);
    let filing = prop::option::of(select(OutOfAreaFiling::ALL.to_vec()));
    // Near each other within a year, so that accumulators fill; about the ends of years; anywhere.
    let day = prop_oneof![
        4 => 520i64..640,
        2 => 360i64..372,
        2 => 0i64..730,
        1 => first_day..740,
    ];
    let nights = prop_oneof![Just(0i64), 1i64..20, 200i64..220];
    // A fen more on the bill is less than a fen in the base of a later layer.
    let off = prop_oneof![2 => -1i64..=1, 1 => -3i64..=30];
    let aim = (any::<Index>(), any::<Index>(), 0u8..4, off, any::<bool>());
    let aim = aim.prop_map(|(benefit, band, edge, off, adopted)| Aim {
        benefit,
        edge: match edge {
            0 => Edge::Cap,
            1 => Edge::Band(band),
            _ => Edge::Deductible,
        },
        off,
        adopted,
    });
    let balance = prop_oneof![
        1 => Just(Balance::Fen(0)),
        2 => (0i64..1_000_000).prop_map(Balance::Fen),
        1 => (-1i64..=1).prop_map(Balance::Payable),
    ];
    let account = prop_oneof![3 => Just(AccountUse::Use), 1 => Just(AccountUse::Keep)];
    let care = (day, nights, prop_oneof![4 => Just(0i64), 1 => 1i64..10], tier, med_type, area, filing);
    let charges = (prop::bool::weighted(0.3), prop::collection::vec(charge(), 1..7));
    (care, charges, prop::option::weighted(0.5, aim), account, balance).prop_map(
        |(
            (day, nights, settled_after, tier, med_type, area, filing),
            (continues, charges),
            aim,
            account,
            balance,
        )| Stay {
            continues,
            day,
            nights,
            settled_after,
            tier,
            med_type,
            area,
            filing,
            charges,
            aim,
            account,
            balance,
        },
    )
}

/// Histories of employees, or of residents.
pub(crate) fn histories(employee: bool) -> impl Strategy<Value = History> {
    let psn_types = if employee { vec!["11", "1101", "12", "126019"] } else { vec!["1501", "14", "11"] };
    let refused = if employee { "1300" } else { "16" };
    let psn_type = prop_oneof![40 => select(psn_types), 1 => Just(refused)];
    let insured_in = prop_oneof![20 => select(vec!["330100", "330106"]), 1 => Just("440100")];
    let identities = subsequence(vec!["D01", "D02", "D03", "D09"], 0..=3).prop_shuffle();
    let identities = identities.prop_flat_map(|codes| {
        let spans = prop::collection::vec(bounds(), codes.len());
        spans.prop_map(move |spans| codes.iter().copied().zip(spans).collect())
    });
    let product = prop_oneof![60 => Just("hangzhou/xihu-yilianbao"), 1 => Just("hangzhou/unknown")];
    let policies = prop_oneof![
        2 => Just(0usize..1),
        5 => Just(1usize..2),
        1 => Just(2usize..3),
    ];
    let policies =
        policies.prop_flat_map(move |count| prop::collection::vec((product.clone(), bounds()), count));
    // Day 0 is 2025-01-01; the residents' programme starts in 2021.
    let first_day = if employee { -1 } else { -1281 };
    let bills = prop::collection::vec(stay(first_day), 1..7);
    (psn_type, insured_in, identities, policies, bills).prop_map(
        move |(psn_type, insured_in, identities, policies, mut bills)| {
            // Residents have no rules elsewhere: now and then is enough.
            if !employee {
                for (place, bill) in bills.iter_mut().enumerate() {
                    if bill.area == "330200" || bill.area == "310000" && place > 0 {
                        bill.area = "330100";
                    }
                }
            }
            bills.sort_by_key(|bill| bill.day);
            History { employee, psn_type, insured_in, identities, policies, bills }
        },
    )
}

impl History {
    pub(crate) fn bills(&self) -> usize {
        self.bills.len()
    }

    fn span(&self, bounds: &Bounds) -> Span {
        let day = |bound: &Option<(Index, i64)>| {
            bound.map(|(bill, off)| {
                let bill = bill.get(&self.bills);
                day(bill.day + bill.settled_after + off)
            })
        };
        Span { from: day(&bounds.from), until: day(&bounds.until) }
    }

    /// The bill that is the first part of the stay of this one; it itself where it is settled at once.
    fn first_part(&self, bill: usize) -> usize {
        let mut first = 0;
        for place in 1..=bill {
            let (before, stay) = (&self.bills[place - 1], &self.bills[place]);
            let goes_on = stay.continues && is_inpatient(stay) && is_inpatient(before);
            // Four parts at most.
            if !goes_on || place - first == 4 {
                first = place;
            }
        }
        first
    }

    fn is_in_parts(&self, bill: usize) -> bool {
        let has_next = bill + 1 < self.bills.len() && self.first_part(bill + 1) == self.first_part(bill);
        self.first_part(bill) != bill || has_next
    }

    /// The claim of a bill by a person who has used up so much; `None` where the draw makes no bill.
    pub(crate) fn claim(&self, bill: usize, packs: &Packs, used: &Used) -> Option<Claim> {
        // A part lies in the bed of the first, and says its own filing.
        let first = &self.bills[self.first_part(bill)];
        let stay =
            Stay { tier: first.tier, med_type: first.med_type, area: first.area, ..self.bills[bill].clone() };
        let (stay, place) = (&stay, bill);
        let discharged = day(stay.day);
        let admitted = discharged - stay.nights.days();
        let mut lines = Vec::new();
        for charge in &stay.charges {
            charge_lines(charge, stay, packs, admitted, &mut lines);
        }
        lines.sort_by_key(|(sent, _)| *sent);
        let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
        let bill_of = |lines: Vec<Line>| {
            let total = Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt)).unwrap();
            Bill::new(lines, total)
        };
        let bill = bill_of(lines.clone())
            .or_else(|_| bill_of(lines.into_iter().filter(|line| line.init_feedetl_sn.is_none()).collect()));
        let mut claim = Claim {
            person: Person {
                psn_no: "P".into(),
                gend: Sex::Unknown,
                brdy: None,
                insurance: BasicInsurance {
                    insutype: if self.employee { "310" } else { "390" }.into(),
                    psn_type: self.psn_type.into(),
                    insuplc_admdvs: self.insured_in.into(),
                },
                identities: self
                    .identities
                    .iter()
                    .map(|(code, span)| Identity { psn_idet_type: (*code).into(), span: self.span(span) })
                    .collect(),
                policies: self
                    .policies
                    .iter()
                    .map(|(product, cover)| Policy::plain("1".into(), (*product).into(), self.span(cover)))
                    .collect(),
                family_no: None,
                pre_existing: Vec::new(),
                balc: AccountBalance::default(),
                relatives: Vec::new(),
            },
            visit: Visit {
                mdtrt_id: format!("M{}", self.first_part(place)).into(),
                hospital: Hospital {
                    fixmedins_code: "H".into(),
                    fixmedins_name: "H".into(),
                    tier: stay.tier,
                    mdtrtarea_admvs: stay.area.into(),
                },
                med_type: stay.med_type.into(),
                setting: Setting::from_med_type(stay.med_type).unwrap(),
                begntime: admitted.min(day(first.day - first.nights)).at(8, 0, 0, 0),
                endtime: discharged.at(12, 0, 0, 0),
                setl_date: discharged + stay.settled_after.days(),
                filing: stay.filing,
                diagnoses: vec![Diagnosis {
                    diag_code: "J18".into(),
                    diag_name: "".into(),
                    role: DiagnosisRole::Main,
                }],
                public_settlement: PublicSettlement::Through,
                causes: Vec::new(),
                accident: None,
                icu_days: 0,
                settling: if self.is_in_parts(place) { Settling::InParts } else { Settling::AtOnce },
                related_stay: None,
            },
            bill: bill.ok()?,
            events: Vec::new(),
            account: stay.account,
            adopted: None,
        };
        if let Some(aim) = &stay.aim
            && let Some(line) = aim.line(&claim, packs, used, discharged)
        {
            let lines: Vec<Line> = claim.bill.lines().iter().cloned().chain([line]).collect();
            claim.bill = bill_of(lines).unwrap();
        }
        let balance = match stay.balance {
            Balance::Fen(fen) => fen,
            Balance::Payable(off) => {
                claim.person.balc.current_year = Money::from_units(1_000_000_000_000);
                let rich = reading::settle(packs, &claim, used);
                rich.map_or(0, |answer| i64::try_from(answer.account).unwrap() + off)
            }
        };
        claim.person.balc.current_year = Money::from_units(balance.max(0));
        Some(claim)
    }
}

fn is_inpatient(stay: &Stay) -> bool {
    Setting::from_med_type(stay.med_type) == Some(Setting::Inpatient)
}

fn day(offset: i64) -> Date {
    bedside_claim::Date::constant(2025, 1, 1) + offset.days()
}

fn charge_lines(charge: &Charge, stay: &Stay, packs: &Packs, admitted: Date, lines: &mut Vec<(u16, Line)>) {
    let code = match charge.item {
        Pick::Any(index) => index.get(&packs.items.keys().collect::<Vec<_>>()).as_str(),
        Pick::Code(code) => code,
    };
    let rows: Option<&Vec<Item>> = packs.items.get(code);
    let category = rows.map_or("10", |rows| rows[0].category.as_str());
    let date = admitted
        + i64::try_from(charge.night.index(usize::try_from(stay.nights).unwrap() + 1)).unwrap().days();
    let ceiling = rows.and_then(|rows| rows[rows.len() - 1].ceiling(stay.tier));
    let pric = match (charge.price.clone(), ceiling) {
        (Pricing::Units(units), _) => units,
        (Pricing::Ceiling(off), Some(ceiling)) => i64::try_from(ceiling.fen()).unwrap() * 10_000 + off,
        (Pricing::Ceiling(off), None) => 90_000_000 + off,
    };
    let (pric, cnt) = (Price::from_units(pric), Quantity::from_units(charge.cnt));
    let amount = pric.times(cnt).unwrap();
    let number = number(lines.len());
    let adopted = charge.adopted.map(|(weights, _)| shares(amount.units(), weights));
    let line = Line {
        feedetl_sn: number.into(),
        init_feedetl_sn: None,
        med_list_codg: code.into(),
        medins_list_codg: code.into(),
        med_chrgitm_type: FeeCategory::from_code(category).unwrap(),
        fee_ocur_time: date.at(charge.hour, 0, 0, 0),
        pric,
        cnt,
        det_item_fee_sumamt: amount,
        hosp_appr_flag: charge.approval,
        adopted_split: adopted.map(split),
        oprn_no: None,
        tags: Vec::new(),
    };
    lines.push((charge.sent, line.clone()));
    let mut cnt_left = charge.cnt;
    let mut parts_left = adopted;
    for refund in &charge.refunds {
        // Ten tenths take back what is left, and less only a part of the whole.
        let cnt =
            if refund.tenths == 10 { cnt_left } else { (charge.cnt * refund.tenths / 10).min(cnt_left) };
        if cnt == 0 {
            continue;
        }
        cnt_left -= cnt;
        let cnt = Quantity::from_units(-cnt);
        let amount = pric.times(cnt).unwrap();
        let adopted_split = parts_left.as_mut().map(|left| {
            let first = charge.adopted.map_or(0, |(_, first)| first);
            let mut parts = [0; 4];
            let mut open = -amount.units();
            for pool in (0..4).map(|pool| (first + pool) % 4) {
                let part = open.min(left[pool]);
                left[pool] -= part;
                open -= part;
                parts[pool] = -part;
            }
            split(parts)
        });
        lines.push((
            refund.sent,
            Line {
                feedetl_sn: self::number(lines.len()).into(),
                init_feedetl_sn: Some(line.feedetl_sn.clone()),
                fee_ocur_time: (date + refund.nights.days()).at(refund.hour, 0, 0, 0),
                cnt,
                det_item_fee_sumamt: amount,
                hosp_appr_flag: refund.approval,
                adopted_split,
                ..line.clone()
            },
        ));
    }
}

/// Numbers whose order as text is not the order of the bill.
fn number(place: usize) -> String {
    if place % 3 == 2 { format!("0{}", 90 - place) } else { (place + 1).to_string() }
}

fn split(parts: [i64; 4]) -> FourWaySplit {
    FourWaySplit::from_parts(parts.map(Money::from_units))
}

/// `amount` by weights, what does not divide in scope.
fn shares(amount: i64, weights: [i64; 4]) -> [i64; 4] {
    let whole = weights.iter().sum::<i64>().max(1);
    let mut parts = weights.map(|weight| amount / whole * weight);
    parts[3] += amount - parts.iter().sum::<i64>();
    parts
}

/// Far above every edge of the packs, in fen.
const FAR: Fen = 5_000_000_000;

impl Aim {
    /// A line that fills the bill up to the edge; `None` where the bill is past it, or the benefit does not run.
    fn line(&self, claim: &Claim, packs: &Packs, used: &Used, date: Date) -> Option<Line> {
        let layers = reading::layers(packs, claim)?;
        let benefits =
            layers.iter().flat_map(|l| l.plan.benefits.iter().map(move |b| (&l.plan.id, &b.id, &b.pools)));
        let benefits: Vec<_> = benefits.collect();
        let (pack, benefit, pools) = self.benefit.get(&benefits);
        let pool = pools[0].index();
        let left = reading::left(packs, claim);
        let totals: [Fen; 4] = [0, 1, 2, 3].map(|pool| left.lines.iter().map(|(_, parts)| parts[pool]).sum());
        let drugs = left.lines.iter().filter(|(category, _)| ["09", "10", "11"].contains(&category.as_str()));
        let counted = if pool == 0 { drugs.map(|(_, parts)| parts[0]).sum() } else { totals[pool] };
        let reaches = |total: Fen| {
            let mut parts = [0; 4];
            parts[pool] = total;
            let mut left = Left { lines: vec![("09".to_owned(), parts)], order: vec![0], charges: vec![0] };
            let workings = reading::run(&layers, claim, used, &mut left);
            let (working, _) = workings.iter().find(|(w, _)| w.name.0 == **pack && w.name.1 == **benefit)?;
            match &self.edge {
                Edge::Deductible => Some(working.base >= working.deductible_left),
                Edge::Band(_) if working.edges.is_empty() => None,
                Edge::Band(edge) => Some(working.reached >= *edge.get(&working.edges)),
                Edge::Cap => Some(working.uncapped >= working.cap_left?),
            }
        };
        // The smallest total that reaches the edge.
        let (mut below, mut above) = (0, FAR);
        if reaches(above) != Some(true) {
            return None;
        }
        while above - below > 1 {
            let middle = (below + above) / 2;
            if reaches(middle) == Some(true) { above = middle } else { below = middle }
        }
        let amount = i64::try_from(above - counted).unwrap() + self.off;
        if amount <= 0 {
            return None;
        }
        let mut parts = [0; 4];
        parts[pool] = amount;
        // A level 01 item without ceiling, and a drug of level 03.
        let code = if pool == 0 { "XR13CGS200A008074092985" } else { "000101643849-010121259" };
        let adopted = self.adopted || (pool != 0 && pool != 3);
        Some(Line {
            feedetl_sn: "aim".into(),
            init_feedetl_sn: None,
            med_list_codg: code.into(),
            medins_list_codg: code.into(),
            med_chrgitm_type: FeeCategory::from_code(if pool == 0 { "09" } else { "01" }).unwrap(),
            fee_ocur_time: date.at(9, 0, 0, 0),
            pric: Price::from_units(amount * 10_000),
            cnt: Quantity::from_units(10_000),
            det_item_fee_sumamt: Money::from_units(amount),
            hosp_appr_flag: HospitalApproval::NotNeeded,
            adopted_split: adopted.then(|| split(parts)),
            oprn_no: None,
            tags: Vec::new(),
        })
    }
}
