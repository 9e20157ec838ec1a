//! `bedside pack new`: a commented skeleton of a plan that loads and settles a bill right away.
//!
//! It writes the plan, and beside it what is needed to try it alone: a programme of its own in an area that is none, a
//! catalogue where the authority has none, and a first bill. Nothing that is there is touched.

use std::path::{Path, PathBuf};

use bedside_claim::{Date, Lang, PackCard};
use bedside_policy::Library;
use clap::{Args, ValueEnum};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

use super::tables::of;
use crate::failure::Failure;
use crate::format::{LangArgument, print};

/// What the skeleton pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A public plan that reimburses: deductible and ratio by hospital level, a cap.
    Public,
    /// A commercial plan that reimburses: waiting period, step-down deductible, bands, a cap.
    Commercial,
    /// An allowance a day, to the person.
    PerDiem,
    /// A sum for a diagnosis, to the person.
    LumpSum,
}

/// What `pack new` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes FOLDER/AUTHORITY/PRODUCT/demo.toml with status `demo`: every number in it is made up. The rest of the language stands in it as comments. Beside it come a programme of its own to try it in, a catalogue where there is none, and a first bill. docs/packs.md goes on from there. Exit code 2: a name that is none, a file that is there already, a defective folder of packs.\n\nExamples:\n  bedside pack new lanting/huimin --kind commercial --packs my-packs\n  bedside settle my-packs/lanting/huimin/first-bill.json --packs my-packs"
)]
pub(crate) struct NewArguments {
    /// The plan, in small letters, digits and hyphens.
    #[arg(value_name = "AUTHORITY/PRODUCT")]
    id: String,
    /// What it pays.
    #[arg(long, value_enum, default_value_t = Kind::Commercial)]
    kind: Kind,
    /// The folder of packs; it is made where it is not there.
    #[arg(long, value_name = "FOLDER", env = "BEDSIDE_PACKS", default_value = "packs")]
    packs: PathBuf,
    /// The plan's first day, yyyy-mm-dd; it is valid for a year [default: the first day of this year].
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// The language of what is said on the way.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
}

/// The names and days that a skeleton is filled with.
struct Blanks<'a> {
    id: &'a str,
    product: &'a str,
    from: Date,
    until: Date,
    area: String,
    catalogue: String,
}

/// A file to write: its path within the folder of packs, and its text.
type NewFile = (String, String);

pub(crate) fn run(arguments: &NewArguments) -> Result<(), Failure> {
    let lang = Lang::from(arguments.lang);
    let (authority, product) = names(&arguments.id, lang)?;
    let known = known(&arguments.packs)?;
    let from =
        arguments.from.unwrap_or_else(|| Offset::UTC.to_datetime(Timestamp::now()).date().first_of_year());
    let until = from.checked_add(1.year()).map_err(Failure::wrong_input)?;
    let catalogue = catalogue(&known, authority, from, until);
    let has_catalogue = catalogue.is_some();
    let catalogue = catalogue.unwrap_or_else(|| format!("{authority}/catalogue"));
    let blanks = Blanks { id: &arguments.id, product, from, until, area: free_area(&known), catalogue };
    let files = files(arguments.kind, authority, &blanks, has_catalogue)?;
    let folder = arguments.packs.join(authority).join(product);
    let taken = [folder].into_iter().chain(files.iter().map(|(path, _)| arguments.packs.join(path)));
    if let Some(taken) = taken.into_iter().find(|path| path.exists()) {
        return Err(Failure::wrong_input(match lang {
            Lang::Zh => format!("`{}` 已存在，不会覆盖", taken.display()),
            Lang::En => format!("`{}` is there already and is not written over", taken.display()),
        }));
    }
    let written = write(&arguments.packs, &files);
    // What we write must load; if it does not, nothing of it stays.
    let loaded = written.and_then(|()| {
        Library::load(&arguments.packs)
            .map_err(|error| Failure::fault(format!("the skeleton does not load: {error}")))
    });
    if let Err(failure) = loaded {
        for (path, _) in &files {
            let _ = std::fs::remove_file(arguments.packs.join(path));
        }
        return Err(failure);
    }
    print(&told(arguments, &files, &known, lang))
}

fn names(id: &str, lang: Lang) -> Result<(&str, &str), Failure> {
    let is_name = |name: &str| {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !name.is_empty() && name.bytes().all(is_letter) && !["programmes", "catalogue"].contains(&name)
    };
    let parts = id.split_once('/').filter(|(authority, product)| is_name(authority) && is_name(product));
    parts.ok_or_else(|| {
        Failure::wrong_input(match lang {
            Lang::Zh => format!("`{id}` 不是方案名：应为 机构/产品，小写字母、数字和连字符，如 `lanting/huimin`"),
            Lang::En => format!(
                "`{id}` is no name of a plan: authority/product in small letters, digits and hyphens, such as `lanting/huimin`"
            ),
        })
    })
}

/// What is in the folder already; nothing where it is not there or empty.
fn known(folder: &Path) -> Result<Library, Failure> {
    let is_empty = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            return Err(Failure::wrong_input(format!("cannot read `{}`: {error}", folder.display())));
        }
    };
    if is_empty {
        return Ok(Library::default());
    }
    Library::load(folder).map_err(|error| Failure::wrong_input(format!("rule pack {error}")))
}

/// A catalogue that is valid on all of the days, the authority's own first.
fn catalogue(known: &Library, authority: &str, from: Date, until: Date) -> Option<String> {
    let covers = |card: &PackCard| card.from <= from && until <= card.until;
    let cards = known.catalogues().map(|catalogue| &catalogue.card).filter(|card| covers(card));
    let own = format!("{authority}/catalogue");
    let mut ids: Vec<String> = cards.map(|card| card.id.to_string()).collect();
    ids.sort_by_key(|id| *id != own);
    ids.into_iter().next()
}

/// Four digits that no area begins with, and no programme has.
fn free_area(known: &Library) -> String {
    let areas: Vec<&str> = known.programmes().iter().map(|rule| &*rule.area).collect();
    let is_free = |area: &String| {
        !areas.iter().any(|taken| taken.starts_with(area.as_str()) || area.starts_with(taken))
    };
    (9901..=9999).map(|area: u16| area.to_string()).find(is_free).unwrap_or_else(|| "9999".to_owned())
}

fn files(
    kind: Kind,
    authority: &str,
    blanks: &Blanks<'_>,
    has_catalogue: bool,
) -> Result<Vec<NewFile>, Failure> {
    let plan = match kind {
        Kind::Public => include_str!("skeleton/public.toml"),
        Kind::Commercial => include_str!("skeleton/commercial.toml"),
        Kind::PerDiem => include_str!("skeleton/per-diem.toml"),
        Kind::LumpSum => include_str!("skeleton/lump-sum.toml"),
    };
    let place = if kind == Kind::Public { "plan" } else { "policy" };
    let head = include_str!("skeleton/head.toml");
    let plan = format!("{head}{}", plan.replace("@SOURCES@\n", include_str!("skeleton/sources.toml")));
    let plan = filled(&plan, blanks) + &language();
    let programme = filled(include_str!("skeleton/programme.toml"), blanks).replace("@PLACE@", place);
    let product = blanks.product;
    let mut files = vec![
        (format!("{authority}/{product}/demo.toml"), plan),
        (format!("{authority}/{product}/first-bill.json"), first_bill(kind, blanks)?),
        (format!("{authority}/programmes/{product}.toml"), programme),
    ];
    if !has_catalogue {
        let head = filled(include_str!("skeleton/catalogue.toml"), blanks);
        let items = filled(include_str!("skeleton/catalogue.csv"), blanks);
        files.push((format!("{authority}/catalogue/demo.toml"), head));
        files.push((format!("{authority}/catalogue/demo.csv"), items));
    }
    Ok(files)
}

/// The whole language as comments: what may be taken over by uncommenting it.
fn language() -> String {
    let mut text = "\n# ============ The whole language, as comments: a plan that uses all of it / 全部语言，供取用 ============\n".to_owned();
    for line in include_str!("skeleton/language.toml").lines() {
        text += if line.is_empty() { "#" } else { "# " };
        text += line;
        text.push('\n');
    }
    text
}

fn filled(text: &str, blanks: &Blanks<'_>) -> String {
    let Blanks { id, product, from, until, area, catalogue } = blanks;
    text.replace("@ID@", id)
        .replace("@PRODUCT@", product)
        .replace("@FROM@", &from.to_string())
        .replace("@UNTIL@", &until.to_string())
        .replace("@AREA@", area)
        .replace("@CATALOGUE@", catalogue)
}

/// A stay of ten days in the middle of the plan's year, or a diagnosis without a bill.
fn first_bill(kind: Kind, blanks: &Blanks<'_>) -> Result<String, Failure> {
    let out_of_range = |_| Failure::wrong_input("the first day lies too far from today");
    let begin = blanks.from.checked_add(160.days()).map_err(out_of_range)?;
    let end = begin.checked_add(10.days()).map_err(out_of_range)?;
    let last = blanks.until.yesterday().map_err(out_of_range)?;
    let amounts = match kind {
        Kind::LumpSum => "\n      \"amounts\": [{ \"name\": \"basic_sum\", \"amount\": \"100000\" }],",
        Kind::Public | Kind::Commercial | Kind::PerDiem => "",
    };
    let policy = match kind {
        Kind::Public => String::new(),
        Kind::Commercial | Kind::PerDiem | Kind::LumpSum => format!(
            "  \"policyinfo\": [\n    {{\n      \"policy_no\": \"POLICY-1\",\n      \"product\": \"{}\",{amounts}\n      \"begndate\": \"{}\",\n      \"enddate\": \"{last}\"\n    }}\n  ],\n",
            blanks.id, blanks.from
        ),
    };
    let (content, total) = match kind {
        Kind::LumpSum => (
            format!(
                "  \"evtinfo\": [\n    {{ \"evt_no\": \"E1\", \"evt_type\": \"diagnosis\", \"evt_date\": \"{begin}\", \"diag_code\": \"C34.900\" }}\n  ],\n"
            ),
            "0",
        ),
        Kind::Public | Kind::Commercial | Kind::PerDiem => {
            let lines = [
                line(1, "06", "60000.00", ["0", "0", "2000.00", "58000.00"], begin),
                line(2, "09", "5000.00", ["5000.00", "0", "0", "0"], begin),
            ];
            (format!("  \"feedetail\": [\n{}\n  ],\n", lines.join(",\n")), "65000.00")
        }
    };
    Ok(filled(include_str!("skeleton/bill.json"), blanks)
        .replace("@POLICY@", &policy)
        .replace("@CONTENT@", &content)
        .replace("@BEGIN@", &begin.to_string())
        .replace("@END@", &end.to_string())
        .replace("@TOTAL@", total))
}

/// A charge with the split that the platform would return for it, so that any catalogue does.
fn line(number: u8, category: &str, amount: &str, [own, over, first, scope]: [&str; 4], day: Date) -> String {
    format!(
        "    {{\n      \"feedetl_sn\": \"{number}\", \"fee_ocur_time\": \"{day} 10:00:00\",\n      \"med_list_codg\": \"XDEMO000{number}\", \"medins_list_codg\": \"{number}\", \"med_chrgitm_type\": \"{category}\",\n      \"pric\": \"{amount}\", \"cnt\": \"1\", \"det_item_fee_sumamt\": \"{amount}\",\n      \"fulamt_ownpay_amt\": \"{own}\", \"overlmt_amt\": \"{over}\", \"preselfpay_amt\": \"{first}\", \"inscp_scp_amt\": \"{scope}\"\n    }}"
    )
}

fn write(folder: &Path, files: &[NewFile]) -> Result<(), Failure> {
    for (path, text) in files {
        let path = folder.join(path);
        let cannot = |error| Failure::fault(format!("cannot write `{}`: {error}", path.display()));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(cannot)?;
        }
        std::fs::write(&path, text).map_err(cannot)?;
    }
    Ok(())
}

fn told(arguments: &NewArguments, files: &[NewFile], known: &Library, lang: Lang) -> String {
    let (id, packs) = (&arguments.id, arguments.packs.display());
    let mut text = format!("{}\n", of(lang, "已写入：", "written:"));
    for (path, _) in files {
        text += &format!("  {packs}/{path}\n");
    }
    text +=
        of(lang, "所有数字均为演示，状态 demo。接下来：\n", "every number is made up, status demo. next:\n");
    text += &format!("  bedside pack explain {id} --packs {packs}\n");
    text += &format!("  bedside settle {packs}/{id}/first-bill.json --packs {packs}\n");
    let places: Vec<&str> = known.programmes().iter().map(|rule| &*rule.id).collect();
    if !places.is_empty() {
        let key = if arguments.kind == Kind::Public { "plan" } else { "policy" };
        text += &match lang {
            Lang::Zh => format!(
                "要与其他付款方一起结算，把 {{ {key} = \"{id}\" }} 写入结算方案的 layers：{}\n",
                places.join("、")
            ),
            Lang::En => format!(
                "to let it pay among others, add {{ {key} = \"{id}\" }} to the layers of a programme: {}\n",
                places.join(", ")
            ),
        };
    }
    text
}
