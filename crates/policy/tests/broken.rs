//! The messages that broken packs give: each edit of a pack that comes with the program must be found.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_policy::{Library, PackProblem};

fn packs() -> BTreeMap<String, String> {
    fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    files
}

const RESIDENT: &str = "hangzhou/resident-basic/2021.toml";
const CRITICAL: &str = "zhejiang/critical-illness/2025.toml";
const CATALOGUE: &str = "demo/catalogue/demo.csv";

const EMPLOYEE: &str = "hangzhou/employee-basic/2025.toml";
const ASSISTANCE: &str = "zhejiang/medical-assistance/demo.toml";
const RESIDENTS: &str = "hangzhou/programmes/resident.toml";
const HUHUIBAO: &str = "shanghai/huhuibao/2025.toml";
const ANYANG: &str = "anyang/puhui/2022.toml";
const ANYANG_CRITICAL: &str = "anyang/critical-illness/2022.toml";
const ESHENG: &str = "pingan/esheng-inpatient/7.0-a.toml";
const GROUP: &str = "cpic/group-medical/2022.toml";
const ANYOUFU: &str = "pingan/anyoufu/2026.toml";
const ACCIDENT: &str = "zhongan/accident/2025-a.toml";
const ALLOWANCE: &str = "demo/inpatient-allowance/demo.toml";
const ULANQAB: &str = "ulanqab/resident-basic/demo.toml";
const ULANQAB_ASSISTANCE: &str = "ulanqab/medical-assistance/demo.toml";

/// One edit to one file of the packs, and the message it must give.
#[test]
fn a_broken_pack_is_refused_with_its_place() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            RESIDENT,
            "status = \"in_force\"",
            "status = \"valid\"",
            "`status`: `valid` is not one of `in_force`, `unverified`, `demo`",
        ),
        (
            RESIDENT,
            "from = \"2021-01-01\"",
            "from = \"2021-13-01\"",
            "`valid.from`: `2021-13-01` is not a date `yyyy-mm-dd`",
        ),
        (
            RESIDENT,
            "until = \"2027-01-01\"",
            "until = \"2021-01-01\"",
            "`valid`: is empty, `from` must lie before `until`",
        ),
        (
            RESIDENT,
            "grade = \"B\"",
            "grade = \"D\"",
            "is `in_force`, but `inpatient_deductible` is only of grade D",
        ),
        (
            RESIDENT,
            "value = \"0.70\"",
            "value = \"70%\"",
            "`parameter.inpatient_rate`: `70%` is not a plain decimal number",
        ),
        (
            RESIDENT,
            "value = \"0.70\"",
            "value = \"1.70\"",
            "`parameter.inpatient_rate`: `1.70` is outside 0 to 1",
        ),
        (
            RESIDENT,
            "value = \"800\"",
            "value = \"-800\"",
            "`parameter.inpatient_deductible`: `-800` is outside 0 and above",
        ),
        (
            RESIDENT,
            "value = \"800\"",
            "value = \"800.001\"",
            "`parameter.inpatient_deductible`: `800.001` has more than 2 decimals",
        ),
        (
            RESIDENT,
            "tier = \"tertiary\"",
            "tier = \"third\"",
            "`parameter.inpatient_deductible.tier`: `third` is not one of `tertiary`, `secondary`, `primary`, `community`, `ungraded`",
        ),
        (
            RESIDENT,
            "    { tier = \"community\", value = \"300\" },\n    { value = \"500\" },",
            "    { value = \"500\" },\n    { tier = \"community\", value = \"300\" },",
            "`parameter.inpatient_deductible`: row 3 can never apply, row 2 decides before it",
        ),
        (
            RESIDENT,
            "source = \"measure\"\narticle = \"住院起付标准\"",
            "source = \"rumour\"\narticle = \"住院起付标准\"",
            "`parameter.inpatient_deductible.source`: there is no source `rumour`",
        ),
        (
            RESIDENT,
            "standard = \"inpatient_deductible\"",
            "standard = \"deductible\"",
            "`benefit.inpatient.deductible.standard`: there is no parameter `deductible`",
        ),
        (
            RESIDENT,
            "standard = \"inpatient_deductible\"",
            "standard = \"inpatient_rate\"",
            "`benefit.inpatient.deductible.standard`: parameter `inpatient_rate` is in `ratio`, `CNY` is needed",
        ),
        (
            RESIDENT,
            "bands = [{ rate = \"outpatient_rate\" }]",
            "bands = [{ rate = \"inpatient_rate\" }]",
            "`parameter.outpatient_rate`: no benefit uses it",
        ),
        (RESIDENT, "id = \"outpatient\"", "id = \"inpatient\"", "`benefit`: `inpatient` is there twice"),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\", \"in_scope\"]",
            "`benefit.inpatient.base.pools`: `in_scope` is there twice",
        ),
        (RESIDENT, "pools = [\"in_scope\"]", "pools = []", "`benefit.inpatient.base.pools`: names no pool"),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], period = \"year\"",
            "`benefit.inpatient`: a base over a period goes with the benefit's own deductible once in that period, or none",
        ),
        (
            RESIDENT,
            "rule = \"highest_less_charged\"",
            "rule = \"none\"",
            "`benefit.inpatient.deductible.rule`: `none` is not one of `per_visit`, `per_year`, `per_policy_period`, `per_event`, `per_lifetime`, `highest_less_charged`",
        ),
        (
            RESIDENT,
            "bands = [{ rate = \"inpatient_rate\" }]",
            "bands = []",
            "`benefit.inpatient`: bands must rise, and exactly the last has no `until`",
        ),
        (
            RESIDENT,
            "care_area = \"local\"",
            "care_area = \"abroad\"",
            "`scope.care_area`: `abroad` is not one of `local`, `long_term`, `referral`, `emergency_unfiled`, `unfiled`",
        ),
        (
            CRITICAL,
            "value = \"200000\"",
            "value = \"100000\"",
            "`benefit.major.bands[2]`: bands must rise, and exactly the last has no `until`",
        ),
        (
            CRITICAL,
            "value = \"200000\"",
            "rows = [{ tier = \"tertiary\", value = \"200000\" }]",
            "`benefit.major.bands[2].until`: a band edge must be one value, not rows",
        ),
        (
            CATALOGUE,
            ",2026-01-01,2027-01-01,0,0.05,",
            ",2025-12-31,2027-01-01,0,0.05,",
            "item `XA16GBF005A001072038166` has two rows on 2025-12-31",
        ),
        (
            CATALOGUE,
            ",普通病房床位费,01,",
            ",普通病房床位费,15,",
            "`items line 135, med_chrgitm_type`: `15` is not one of `01` to `14`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "{ plan = \"zhejiang/medical-assistance\" }",
            "{ plan = \"zhejiang/critical-illness\" }",
            "`layers`: `zhejiang/critical-illness` is there twice",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "area = \"3301\"",
            "area = \"\"",
            "`area`: `` is not one of two to six digits",
        ),
        (
            CATALOGUE,
            ",60.00,54.00,48.00",
            ",-60.00,54.00,48.00",
            "`items line 136, pric_uplmt_tertiary`: `-60.00` is outside 0 and above",
        ),
        (
            "demo/catalogue/demo.toml",
            "status = \"demo\"",
            "status = \"in_force\"",
            "is `in_force`, but `grade` is only of grade assumed",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "area = \"3301\"",
            "area = \"3301\"\ncity = \"x\"",
            "unknown field `city`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "insutype = \"390\"",
            "insutype = \"310\"",
            "is valid on 2025-01-01, and so is version `hangzhou/employee`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "{ policy = \"hangzhou/xihu-yilianbao\" }",
            "{ policy = \"hangzhou/yilianbao\" }",
            "`layers`: there is no pack `hangzhou/yilianbao`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "demo/catalogue",
            "hangzhou/catalogue",
            "`catalogue`: there is no catalogue `hangzhou/catalogue`",
        ),
        (
            ANYANG_CRITICAL,
            "until = \"2023-01-01\"",
            "until = \"2022-07-01\"",
            "`parameter.in_catalogue_deductible.same_as`: the pack it points at has no version on 2022-07-01",
        ),
        (
            ANYANG_CRITICAL,
            "from = \"2022-01-01\"",
            "from = \"2022-02-01\"",
            "`parameter.in_catalogue_deductible.same_as`: the pack it points at has no version on 2022-01-01",
        ),
        (
            ANYANG,
            "same_as = \"anyang/critical-illness#deductible\"",
            "same_as = \"anyang/critical-illness#standard\"",
            "`parameter.in_catalogue_deductible.same_as`: there is no parameter of a pack `anyang/critical-illness#standard`",
        ),
        (
            ANYANG,
            "same_as = \"anyang/critical-illness#deductible\"",
            "same_as = \"anyang/basic#deductible\"",
            "`parameter.in_catalogue_deductible.same_as`: there is no parameter of a pack `anyang/basic#deductible`",
        ),
        (
            ANYANG,
            "same_as = \"anyang/critical-illness#deductible\"",
            "same_as = \"anyang/critical-illness\"",
            "`parameter.in_catalogue_deductible.same_as`: there is no parameter of a pack `anyang/critical-illness`",
        ),
        (
            ANYANG,
            "same_as = \"anyang/critical-illness#deductible\"",
            "same_as = \"hangzhou/resident-basic#inpatient_rate\"",
            "`parameter.in_catalogue_deductible`: parameter `hangzhou/resident-basic#inpatient_rate` is in `ratio`, `CNY` is needed",
        ),
        (
            ANYANG,
            "same_as = \"anyang/critical-illness#deductible\"",
            "same_as = \"anyang/critical-illness#deductible\"\nvalue = \"1\"",
            "`parameter.in_catalogue_deductible`: has its value and citation from `same_as`, and none of its own",
        ),
        (
            ANYANG,
            "same_as = \"anyang/critical-illness#deductible\"",
            "same_as = \"zhejiang/critical-illness#deductible\"",
            "is `in_force`, but `deductible` is only of grade D",
        ),
        (
            ANYANG_CRITICAL,
            "source = \"page\"\narticle = \"医保目录内责任免赔额：当年安阳市大病医疗保险起付标准\"\nrows = [\n    { insutype = \"310\", value = \"39500\" },\n    { insutype = \"390\", value = \"30400\" },\n]",
            "same_as = \"hangzhou/resident-basic#outpatient_deductible\"",
            "`parameter.in_catalogue_deductible.same_as`: points at a parameter that is itself `same_as` another",
        ),
        (
            ANYANG_CRITICAL,
            "unit = \"CNY\"",
            "unit = \"yuan\"",
            "`parameter.deductible.unit`: `yuan` is not one of `CNY`, `ratio`, `days`, `times`",
        ),
        (
            ANYANG_CRITICAL,
            "value = \"39500\"",
            "value = \"39,500\"",
            "`parameter.deductible`: `39,500` is not a plain decimal number",
        ),
        (
            ANYANG_CRITICAL,
            "grade = \"A\"",
            "grade = \"C\"",
            "is `in_force`, but `deductible` is only of grade C",
        ),
        (
            RESIDENT,
            "kind = \"basic_insurance\"",
            "kind = \"basic\"",
            "`payer.kind`: `basic` is not one of `basic_insurance`, `civil_servant`, `enterprise_supplement`, `critical_illness`, `large_amount`, `assistance`, `other_fund`, `commercial`",
        ),
        (
            RESIDENT,
            "date_rule = \"settlement\"",
            "date_rule = \"discharge\"",
            "`date_rule`: `discharge` is not one of `admission`, `settlement`",
        ),
        (
            RESIDENT,
            "date_rule = \"settlement\"",
            "date_rule = \"settlement\"\nversion_by = \"sale\"",
            "`version_by`: `sale` is not one of `date_rule`, `policy_period`",
        ),
        (
            RESIDENT,
            "date_rule = \"settlement\"",
            "date_rule = \"settlement\"\nterm = \"month\"",
            "`term`: `month` is not one of `year`, `policy_period`",
        ),
        (
            RESIDENT,
            "grade = \"B\"",
            "grade = \"E\"",
            "`source.measure.grade`: `E` is not one of `A`, `B`, `C`, `D`, `assumed`",
        ),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"scope\"]",
            "`benefit.inpatient.base.pools`: `scope` is not one of `own_expense`, `over_limit`, `first_pay`, `in_scope`",
        ),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], amounts = \"all\"",
            "`benefit.inpatient.base.amounts`: `all` is not one of `net`, `gross`",
        ),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], period = \"month\"",
            "`benefit.inpatient.base.period`: `month` is not one of `visit`, `year`, `policy_period`, `event`, `lifetime`",
        ),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], categories = [\"9\"]",
            "`benefit.inpatient.base.categories`: `9` is not one of `01` to `14`",
        ),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], list = \"drugs\"",
            "`benefit.inpatient.base.list`: there is no list `drugs`",
        ),
        (
            RESIDENT,
            "setting = [\"inpatient\", \"special_outpatient\"]",
            "setting = [\"inpatient\", \"emergency\"]",
            "`benefit.inpatient.gate.setting`: `emergency` is not one of `inpatient`, `special_outpatient`, `outpatient`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "not_cause = [\"work_injury\", \"sickness\"]",
            "`benefit.inpatient.gate.not_cause`: `sickness` is not one of `illness`, `accident`, `third_party`, `third_party_pre_paid`, `work_injury`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "sex = \"f\"",
            "`benefit.inpatient.gate.sex`: `f` is not one of `male`, `female`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "age = { from = 18, until = 18 }",
            "`benefit.inpatient.gate.age`: is empty, `from` must lie before `until`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "bill_total = { over = \"30000\", up_to = \"30000\" }",
            "`benefit.inpatient.gate.bill_total`: is empty, `from` must lie before `until`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "bill_total = { over = \"-1\" }",
            "`benefit.inpatient.gate.bill_total.over`: `-1` is outside 0 and above",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "pre_existing = { answer = \"maybe\" }",
            "`benefit.inpatient.gate.pre_existing.answer`: `maybe` is not one of `yes`, `no`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "pre_existing = { answer = \"yes\", years = 0 }",
            "`benefit.inpatient.gate.pre_existing.years`: is empty, `from` must lie before `until`",
        ),
        (
            HUHUIBAO,
            "through_basic = \"yes\"",
            "through_basic = \"true\"",
            "`benefit.listed-inpatient.gate.through_basic`: `true` is not one of `yes`, `no`",
        ),
        (
            HUHUIBAO,
            "tail = { days = \"tail_days\" }",
            "tail = \"forever\"",
            "`tail`: `forever` is not one of `until_discharge`",
        ),
        (
            HUHUIBAO,
            "tail = { days = \"tail_days\" }",
            "tail = { days = \"pet_ct_times\" }",
            "`tail.days`: parameter `pet_ct_times` is in `times`, `days` is needed",
        ),
        (
            HUHUIBAO,
            "per = \"item\"",
            "per = \"drug\"",
            "`benefit.listed-inpatient.base.limits.one-drug.per`: `drug` is not one of `line`, `item`, `category`, `operation`, `day`, `all`",
        ),
        (
            ESHENG,
            "shared_by = \"family\"",
            "shared_by = \"household\"",
            "`benefit.general-plan-1.deductible.shared_by`: `household` is not one of `person`, `family`",
        ),
        (
            ESHENG,
            "filled_by = \"own_and_commercial\"",
            "filled_by = \"all\"",
            "`benefit.general-plan-1.deductible.filled_by`: `all` is not one of `own`, `own_and_commercial`",
        ),
        (
            ESHENG,
            "not_for = \"accident\"",
            "not_for = \"accidents\"",
            "`benefit.general-plan-1.gate.waiting.not_for`: `accidents` is not one of `illness`, `accident`, `third_party`, `third_party_pre_paid`, `work_injury`",
        ),
        (
            GROUP,
            "prior_approval = \"yes\"",
            "prior_approval = \"once\"",
            "`benefit.critical.gate.prior_approval`: `once` is not one of `yes`, `no`",
        ),
        (
            ULANQAB,
            "band_edges = \"base\"",
            "band_edges = \"total\"",
            "`benefit.inpatient.band_edges`: `total` is not one of `base`, `excess`",
        ),
        (
            ALLOWANCE,
            "days = \"icu\"",
            "days = \"ward\"",
            "`benefit.icu.per_diem.days`: `ward` is not one of `stay`, `icu`",
        ),
        (
            ANYOUFU,
            "on = \"diagnosis\"",
            "on = \"illness\"",
            "`benefit.critical-illness.lump_sum.on`: `illness` is not one of `diagnosis`, `disability`, `death`, `care`",
        ),
        (
            ANYOUFU,
            "paid_for = \"lifetime\"",
            "paid_for = \"year\"",
            "`benefit.critical-illness.lump_sum.paid_for`: `year` is not one of `lifetime`, `event`, `month`",
        ),
        (
            EMPLOYEE,
            "purse = \"past_year\"",
            "purse = \"old\"",
            "`account.purse`: `old` is not one of `current_year`, `past_year`, `relatives`",
        ),
        (
            EMPLOYEE,
            "purse = \"past_year\"",
            "purse = \"current_year\"",
            "`account`: `current_year` is there twice",
        ),
        (EMPLOYEE, "pools = [\"first_pay\", \"in_scope\"]", "pools = []", "`account.pools`: names no pool"),
        (
            RESIDENT,
            "rule = \"highest_less_charged\"",
            "rule = \"per_policy_period\"",
            "`benefit.inpatient.deductible.rule`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], period = \"policy_period\"",
            "`benefit.inpatient.base.period`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            RESIDENT,
            "date_rule = \"settlement\"",
            "date_rule = \"settlement\"\nversion_by = \"policy_period\"",
            "`version_by`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            RESIDENT,
            "date_rule = \"settlement\"",
            "date_rule = \"settlement\"\nterm = \"policy_period\"",
            "`term`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            RESIDENT,
            "date_rule = \"settlement\"",
            "date_rule = \"settlement\"\ntail = { days = \"outpatient_deductible\" }",
            "`tail`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "waiting = { days = \"outpatient_deductible\" }",
            "`benefit.inpatient.gate.waiting`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            ASSISTANCE,
            "period = \"year\"",
            "period = \"policy_period\"",
            "`benefit.inpatient.caps`: needs a policy, and only plans of a `commercial` payer have one",
        ),
        (
            ULANQAB,
            "rule = \"per_visit\"",
            "rule = \"per_year\"",
            "`benefit.inpatient`: bands over the base of a visit go with a plain deductible per visit, or none",
        ),
        (
            ESHENG,
            "[benefit.base]\npools = [\"own_expense\", \"over_limit\", \"first_pay\", \"in_scope\"]\nnot_tags = \"outside-process\"\n",
            "[benefit.base]\npools = [\"own_expense\"]\nnot_tags = \"outside-process\"\nperiod = \"policy_period\"\n",
            "`benefit.general-plan-1`: a base over a period goes with the benefit's own deductible once in that period, or none",
        ),
        (
            ESHENG,
            "account = \"deductible-plan-1\"",
            "account = \"general-plan-4\"",
            "`benefit.general-plan-1.deductible.account`: is the id of another benefit; share a name that is none",
        ),
        (
            ALLOWANCE,
            "gate = { diagnosis = \"C\" }",
            "bands = [{ rate = \"day_rate\" }]",
            "`benefit.cancer`: pays by exactly one of `base` with `bands`, `per_diem`, `lump_sum`",
        ),
        (
            ALLOWANCE,
            "gate = { diagnosis = \"C\" }",
            "base = { pools = [\"in_scope\"] }",
            "`benefit.cancer`: pays by exactly one of `base` with `bands`, `per_diem`, `lump_sum`",
        ),
        (
            HUHUIBAO,
            "amount = \"one_drug\"",
            "amount = \"one_drug\"\ntimes = \"pet_ct_times\"",
            "`benefit.listed-inpatient.base.limits.one-drug`: limits either an `amount` or how many `times`",
        ),
        (
            HUHUIBAO,
            "per = \"item\"",
            "per = \"line\"",
            "`benefit.listed-inpatient.base.limits.one-drug`: a limit for each line or day is one of the visit",
        ),
        (
            HUHUIBAO,
            "id = \"operation-material\"",
            "id = \"one-drug\"",
            "`benefit.listed-inpatient.base.limits`: `one-drug` is there twice",
        ),
        (
            HUHUIBAO,
            "times = \"pet_ct_times\"",
            "times = \"one_drug\"",
            "`benefit.listed-inpatient.base.limits.pet-ct`: parameter `one_drug` is in `CNY`, `times` is needed",
        ),
        (
            RESIDENT,
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]",
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\", group = \"all\" }\nbands = [{ rate = \"outpatient_rate\" }]",
            "`benefit.outpatient.deductible.group`: there is no deductible_group `all`",
        ),
        (
            RESIDENT,
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]",
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]\n\n[deductible_group.all]\nperiod = \"year\"",
            "`deductible_group.all`: no benefit uses it",
        ),
        (
            RESIDENT,
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]",
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\", group = \"all\" }\nbands = [{ rate = \"outpatient_rate\" }]\n\n[deductible_group.all]\nperiod = \"visit\"",
            "`deductible_group.all`: runs over a period, not a visit",
        ),
        (
            RESIDENT,
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]",
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\", group = \"all\" }\nbands = [{ rate = \"outpatient_rate\" }]\n\n[deductible_group.all]\nperiod = \"year\"\nminimum = \"outpatient_rate\"",
            "`deductible_group.all.minimum`: parameter `outpatient_rate` is in `ratio`, `CNY` is needed",
        ),
        (
            RESIDENT,
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]",
            "deductible = { rule = \"per_year\", standard = \"outpatient_deductible\", group = \"inpatient\" }\nbands = [{ rate = \"outpatient_rate\" }]\n\n[deductible_group.inpatient]\nperiod = \"year\"",
            "`deductible_group`: `inpatient` is there twice",
        ),
        (
            RESIDENT,
            "[[benefit]]\nid = \"inpatient\"",
            "[list.drugs]\nsource = \"measure\"\narticle = \"附件\"\ndate = \"expense\"\nitems = [{ code = \"X\", from = \"2025-01-01\", until = \"2026-01-01\" }]\n\n[[benefit]]\nid = \"inpatient\"",
            "`list.drugs`: no benefit uses it",
        ),
        (
            RESIDENT,
            "[[benefit]]\nid = \"inpatient\"",
            "[list.drugs]\nsource = \"measure\"\narticle = \"附件\"\ndate = \"discharge\"\nitems = [{ code = \"X\", from = \"2025-01-01\", until = \"2026-01-01\" }]\n\n[[benefit]]\nid = \"inpatient\"",
            "`list.drugs.date`: `discharge` is not one of `expense`, `admission`, `settlement`",
        ),
        (
            RESIDENT,
            "[[benefit]]\nid = \"inpatient\"",
            "[list.drugs]\nsource = \"measure\"\narticle = \"附件\"\ndate = \"expense\"\nitems = [{ code = \"X\", from = \"2025-01-01\", until = \"2026-01-01\" }, { code = \"X\", from = \"2025-12-31\", until = \"2027-01-01\" }]\n\n[[benefit]]\nid = \"inpatient\"",
            "item `X` has two rows on 2025-12-31",
        ),
        (
            RESIDENT,
            "[[benefit]]\nid = \"inpatient\"",
            "[list.drugs]\nsource = \"measure\"\narticle = \"附件\"\ndate = \"expense\"\nitems = [{ code = \"X\", from = \"2025-01-01\", until = \"2025-01-01\" }]\n\n[[benefit]]\nid = \"inpatient\"",
            "`list.drugs.items[1]`: is empty, `from` must lie before `until`",
        ),
        (
            RESIDENT,
            "[[benefit]]\nid = \"inpatient\"",
            "[list.drugs]\nsource = \"rumour\"\narticle = \"附件\"\ndate = \"expense\"\nitems = [{ code = \"X\", from = \"2025-01-01\", until = \"2026-01-01\" }]\n\n[[benefit]]\nid = \"inpatient\"",
            "`list.drugs.source`: there is no source `rumour`",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"thirty\"",
            "`parameter.tail_days`: `thirty` is outside whole numbers from 0 to 65535",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"3.5\"",
            "`parameter.tail_days`: `3.5` is outside whole numbers from 0 to 65535",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"-1\"",
            "`parameter.tail_days`: `-1` is outside whole numbers from 0 to 65535",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"+30\"",
            "`parameter.tail_days`: `+30` is outside whole numbers from 0 to 65535",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"65536\"",
            "`parameter.tail_days`: `65536` is outside whole numbers from 0 to 65535",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"\"",
            "`parameter.tail_days`: `` is outside whole numbers from 0 to 65535",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "from_policy = \"tail\"",
            "`parameter.tail_days`: only amounts and ratios stand on a policy schedule",
        ),
        (
            HUHUIBAO,
            "value = \"30\"",
            "value = \"30\"\nfrom_policy = \"tail\"",
            "`parameter.tail_days`: needs either `value` or at least one of `rows`",
        ),
        (
            ACCIDENT,
            "from_policy = \"sum_insured\"",
            "",
            "`parameter.sum_insured`: needs either `value` or at least one of `rows`",
        ),
        (
            ACCIDENT,
            "{ grade = [3], from_policy = \"grade_3\" }",
            "{ grade = [3] }",
            "`parameter.grade_share`: needs either `value` or at least one of `rows`",
        ),
        (
            ACCIDENT,
            "{ grade = [3], from_policy = \"grade_3\" }",
            "{ grade = [2], from_policy = \"grade_3\" }",
            "`parameter.grade_share`: row 3 can never apply, row 2 decides before it",
        ),
        (
            ACCIDENT,
            "window_days = \"window_days\"",
            "window_days = \"sum_insured\"",
            "`benefit.disability.lump_sum.window_days`: parameter `sum_insured` is in `CNY`, `days` is needed",
        ),
        (
            ESHENG,
            "article = \"计划四：50% 部分的上限\"\nvalue = \"10000\"",
            "article = \"计划四：50% 部分的上限\"\nfrom_policy = \"edge\"",
            "`benefit.general-plan-4.bands[1].until`: a band edge must be one value, not rows",
        ),
        (
            ULANQAB_ASSISTANCE,
            "{ ceiling = \"stop\" }",
            "{ ceiling = \"major_cap\" }",
            "`benefit.inpatient.caps`: parameter `major_cap` is in `CNY`, `ratio` is needed",
        ),
        (
            HUHUIBAO,
            "article = \"CAR-T：保险金额\"",
            "article = \" \"",
            "`parameter.car_t_cap.article`: says nothing: every number is cited",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "dates = { from = \"2022-01-01\", until = \"2022-01-01\" }",
            "`benefit.inpatient.gate.dates`: is empty, `from` must lie before `until`",
        ),
        (
            RESIDENT,
            "not_cause = [\"work_injury\", \"third_party\"]",
            "dates = { from = \"2022-1-1\", until = \"2023-01-01\" }",
            "`benefit.inpatient.gate.dates.from`: `2022-1-1` is not a date `yyyy-mm-dd`",
        ),
        (
            RESIDENTS,
            "{ policy = \"hangzhou/xihu-yilianbao\" }",
            "{ plan = \"hangzhou/xihu-yilianbao\" }",
            "`layers`: `plan` places public payers, and `policy` commercial ones",
        ),
        (
            RESIDENTS,
            "{ plan = \"zhejiang/medical-assistance\" }",
            "{ policy = \"zhejiang/medical-assistance\" }",
            "`layers`: `plan` places public payers, and `policy` commercial ones",
        ),
        (
            RESIDENTS,
            "{ plan = \"zhejiang/medical-assistance\" }",
            "{ plan = \"anyang/critical-illness\" }",
            "`layers`: a pack that only holds parameters has no place",
        ),
        (
            RESIDENTS,
            "{ plan = \"zhejiang/medical-assistance\" }",
            "{}",
            "`layers`: a layer is either `plan` or `policy`",
        ),
        (
            RESIDENTS,
            "catalogue = \"demo/catalogue\"",
            "catalogue = \"demo/catalogue\"\npublic_layers = \"guessed\"",
            "`public_layers`: `guessed` is not one of `computed`, `adopted`",
        ),
        (
            ANYANG,
            "id = \"one-implant\"",
            "id = \"one-drug\"",
            "`benefit.out-of-catalogue.caps`: `one-drug` is there twice",
        ),
        (
            ANYANG,
            "id = \"one-drug\", per = \"item\"",
            "id = \"one-drug\", per = \"pill\"",
            "`benefit.out-of-catalogue.caps.one-drug.per`: `pill` is not one of `line`, `item`, `category`, `operation`, `day`, `all`",
        ),
        (
            ANYANG,
            "id = \"one-drug\", per = \"item\"",
            "id = \"one-drug\", per = \"day\"",
            "`benefit.out-of-catalogue.caps.one-drug`: a limit for each line or day is one of the visit",
        ),
        (
            ANYANG,
            "limit = \"one_drug\" }",
            "limit = \"out_of_catalogue_rate\" }",
            "`benefit.out-of-catalogue.caps.one-drug.limit`: parameter `out_of_catalogue_rate` is in `ratio`, `CNY` is needed",
        ),
        (
            ANYANG,
            "limit = \"one_drug\" }",
            "limit = \"one_pill\" }",
            "`benefit.out-of-catalogue.caps.one-drug.limit`: there is no parameter `one_pill`",
        ),
    ];
    let mut wrong = Vec::new();
    for (file, old, new, message) in cases {
        let mut files = packs();
        let text = files.get_mut(*file).unwrap();
        assert!(text.contains(old), "`{old}` is not in {file}");
        *text = text.replacen(old, new, 1);
        let error = Library::from_files(&files).map(|_| ()).expect_err(new);
        let problem = error.problem.to_string();
        // What the parser of TOML says is its own, with a picture of the line.
        let is_said = match error.problem {
            PackProblem::Syntax(text) => text.contains(message),
            _ => problem == *message,
        };
        if !is_said {
            wrong.push(format!("{old} -> {new}\n  gives  {problem}\n  wanted {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Keys that nobody reads would be rules that do not hold.
#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    let places = [
        (RESIDENT, "version = \"2021\"", "version = \"2021\"\nregion = \"x\""),
        (RESIDENT, "code = \"390100\"", "code = \"390100\", region = \"x\""),
        (RESIDENT, "care_area = \"local\"", "care_area = \"local\", region = \"x\""),
        (RESIDENT, "grade = \"B\"", "grade = \"B\"\nregion = \"x\""),
        (RESIDENT, "unit = \"CNY\"", "unit = \"CNY\"\nregion = \"x\""),
        (RESIDENT, "{ tier = \"tertiary\",", "{ region = \"x\", tier = \"tertiary\","),
        (RESIDENT, "id = \"inpatient\"", "id = \"inpatient\"\nregion = \"x\""),
        (RESIDENT, "gate = { ", "gate = { region = \"x\", "),
        (RESIDENT, "base = { ", "base = { region = \"x\", "),
        (RESIDENT, "deductible = { ", "deductible = { region = \"x\", "),
        (RESIDENT, "bands = [{ ", "bands = [{ region = \"x\", "),
        (HUHUIBAO, "per = \"item\"", "per = \"item\"\nregion = \"x\""),
        (ESHENG, "near_stay = { ", "near_stay = { region = \"x\", "),
        (ESHENG, "waiting = { ", "waiting = { region = \"x\", "),
        (ALLOWANCE, "period_days = { ", "period_days = { region = \"x\", "),
        (ANYOUFU, "lump_sum = { ", "lump_sum = { region = \"x\", "),
        (ULANQAB, "decrease = { ", "decrease = { region = \"x\", "),
        (EMPLOYEE, "purse = \"past_year\"", "purse = \"past_year\"\nregion = \"x\""),
        (RESIDENTS, "{ plan = ", "{ region = \"x\", plan = "),
    ];
    for (file, old, new) in places {
        let mut files = packs();
        let text = files.get_mut(file).unwrap();
        assert!(text.contains(old), "`{old}` is not in {file}");
        *text = text.replacen(old, new, 1);
        let error = Library::from_files(&files).unwrap_err();
        assert_eq!(error.file, file);
        assert!(error.to_string().contains("unknown field `region`"), "{new}\n  gives {error}");
    }
}

#[test]
fn two_versions_on_one_day_are_refused() {
    let mut files = packs();
    files.insert("hangzhou/resident-basic/2022.toml".to_owned(), files[RESIDENT].clone());
    let error = Library::from_files(&files).unwrap_err().to_string();
    assert_eq!(
        error,
        "`hangzhou/resident-basic/2022.toml`: is valid on 2021-01-01, and so is version `2021`"
    );
}
