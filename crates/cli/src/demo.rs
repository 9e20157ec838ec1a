//! `bedside demo`: a gateway with a fresh ledger on a free loopback port, and a ward's morning over real gRPC.
//!
//! Whatever the demo says it has seen it has checked; a check that fails ends it with a fault.

mod books;
mod held;
mod lost;
mod morning;
mod receipts;
mod stay;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bedside_claim::Lang;
use bedside_gateway::notary::{Notary, open_or_make_key};
use bedside_gateway::server::{Config, Gateway, Limits};
use bedside_gateway::v1;
use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_ledger::{Ledger, LedgerConfig};
use bedside_policy::Library;
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::demo::books::Books;
use crate::demo::morning::{Discharge, discharges};
use crate::demo::receipts::Auditor;
use crate::failure::Failure;
use crate::format::{LangArgument, PacksArgument, print};
use crate::statement;

/// What `demo` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bedside demo\n  bedside demo --lang en\n  bedside demo --data ./demo-ledger"
)]
pub(crate) struct DemoArguments {
    /// The language of statement and table.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    /// The folder for the ledger, which must not hold one yet [default: a new folder for temporary files].
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(flatten)]
    packs: PacksArgument,
}

type Client = BedsideServiceClient<Channel>;

pub(crate) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let library = Arc::new(arguments.packs.library()?);
    let dir = ledger_folder(arguments.data.as_deref())?;
    let lang = Lang::from(arguments.lang);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::fault)?;
    let books = runtime.block_on(play(lang, &dir, library))?;
    print(&books.compare_with_ledger(&dir, lang)?)?;
    print(&match lang {
        Lang::Zh => format!("账本位置：{}\n", dir.display()),
        Lang::En => format!("the ledger lies in {}\n", dir.display()),
    })
}

fn ledger_folder(data: Option<&Path>) -> Result<PathBuf, Failure> {
    match data {
        Some(dir) if dir.join("journal").exists() => {
            Err(Failure::wrong_input(format!("`{}` holds a ledger already", dir.display())))
        }
        Some(dir) => Ok(dir.to_path_buf()),
        None => {
            let dir = tempfile::Builder::new().prefix("bedside-demo-").tempdir().map_err(Failure::fault)?;
            Ok(dir.keep())
        }
    }
}

/// Starts the gateway, plays the morning, prints statement and table, and stops the gateway.
async fn play(lang: Lang, dir: &Path, library: Arc<Library>) -> Result<Books, Failure> {
    let config = Config::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "demo");
    let gateway = Gateway::bind(config).await.map_err(Failure::fault)?;
    let address = gateway.local_addr();
    let ledger = Ledger::open(LedgerConfig::at(dir)).map_err(Failure::fault)?;
    let key = open_or_make_key(&dir.join("signing-key"), "bedside/demo").map_err(Failure::fault)?;
    let notary = Arc::new(Notary::open(key, None, &ledger).map_err(Failure::fault)?);
    let auditor = Auditor { key: notary.public_key(), checked: 0 };
    let gateway = gateway.with_notary(notary);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(gateway.serve(ledger.clone(), library, async move {
        let _ = stopped.await;
    }));
    print(&match lang {
        Lang::Zh => format!("网关已启动：{address}（gRPC，空账本）\n\n"),
        Lang::En => format!("the gateway listens on {address} (gRPC, empty ledger)\n\n"),
    })?;
    let client = Client::connect(format!("http://{address}")).await.map_err(Failure::fault)?;
    let mut client = client.max_decoding_message_size(Limits::default().answer_bytes);
    let books = Books::default();
    let receipt = String::new();
    let mut ward = Ward { lang, books, auditor, receipt, table: table(lang), remarks: Vec::new() };
    let statement = ward.morning(&mut client).await?;

    print(&format!(
        "{}\n{}\n{}\n",
        statement::render(&statement, lang.into())?,
        ward.table,
        ward.remarks.join("\n")
    ))?;
    print(&ward.auditor.keep(dir, &ward.receipt, lang)?)?;
    drop(client);
    let _ = stop.send(());
    serving.await.map_err(Failure::fault)?.map_err(Failure::fault)?;
    ledger.verify().map_err(Failure::fault)?;
    ledger.shutdown();
    Ok(ward.books)
}

fn table(lang: Lang) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    match lang {
        Lang::Zh => {
            table.set_header(["患者", "总额", "基本", "大病", "救助", "其他", "商保", "账户", "现金", "毫秒"])
        }
        Lang::En => table.set_header([
            "patient",
            "total",
            "basic",
            "critical",
            "assist.",
            "other",
            "commercial",
            "account",
            "cash",
            "ms",
        ]),
    };
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The morning under way.
struct Ward {
    lang: Lang,
    books: Books,
    auditor: Auditor,
    /// The file of the receipt to show.
    receipt: String,
    table: Table,
    remarks: Vec<String>,
}

impl Ward {
    /// Plays every scene; returns the settlement whose statement is shown.
    async fn morning(&mut self, client: &mut Client) -> Result<v1::Settlement, Failure> {
        let discharges = discharges()?;
        let mut shown = None;
        let mut settled = Vec::new();
        for discharge in &discharges {
            if discharge.id == morning::DOES_NOT_ADD_UP {
                self.refused(client, discharge).await?;
                continue;
            }
            if discharge.id == morning::QUOTED {
                self.quoted(client, discharge).await?;
            }
            let settlement = if discharge.id == morning::CALL_BY_CALL {
                self.long_way(client, discharge).await?
            } else if discharge.id == morning::HELD {
                let request = self.held(client, discharge).await?;
                self.settle(client, discharge, &request).await?
            } else {
                self.settle(client, discharge, &discharge.request).await?
            };
            if discharge.id == morning::SHOWN {
                shown = Some(settlement.clone());
            }
            settled.push((discharge, settlement));
        }
        for (discharge, settlement) in settled {
            if discharge.id == morning::SENT_TWICE {
                self.sent_twice(client, discharge, &settlement).await?;
            }
            if discharge.id == morning::CANCELLED {
                self.cancelled_and_settled_again(client, discharge, &settlement).await?;
            }
            if discharge.id == morning::ANSWER_LOST {
                self.answer_lost(client, discharge, &settlement).await?;
            }
        }
        shown.ok_or_else(|| Failure::fault("the morning lacks the settlement to show"))
    }

    fn say(&mut self, zh: String, en: String) {
        self.remarks.push(match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        });
    }

    fn row(&mut self, name: &str, settlement: &v1::Settlement, elapsed: Duration) -> Result<(), Failure> {
        let amounts = books::columns(settlement)?;
        let mut cells = vec![name.to_owned()];
        cells.extend(
            amounts.iter().map(|amount| if amount.is_zero() { "-".to_owned() } else { amount.to_string() }),
        );
        cells.push(format!("{}.{:02}", elapsed.as_millis(), elapsed.as_micros() % 1_000 / 10));
        self.table.add_row(cells);
        Ok(())
    }

    async fn settle(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
        request: &v1::SettleBillRequest,
    ) -> Result<v1::Settlement, Failure> {
        let begun = Instant::now();
        let answer =
            client.settle_bill(request.clone()).await.map_err(|status| unexpected(discharge, &status))?;
        let elapsed = begun.elapsed();
        let answer = answer.into_inner();
        let settlement = settlement(answer.settlement)?;
        let receipt = self.auditor.check(&settlement, answer.receipt)?;
        if discharge.id == morning::SHOWN {
            self.receipt = receipt;
        }
        self.books.add(&settlement)?;
        self.row(discharge.name(self.lang), &settlement, elapsed)?;
        Ok(settlement)
    }

    /// A quote books nothing and says what the settlement will say.
    async fn quoted(&mut self, client: &mut Client, discharge: &Discharge) -> Result<(), Failure> {
        let subject = v1::pre_settle_request::Subject::Bill(discharge.request.clone());
        let request = v1::PreSettleRequest { subject: Some(subject), ..Default::default() };
        let answer = client.pre_settle(request).await.map_err(|status| unexpected(discharge, &status))?;
        let quote = settlement(answer.into_inner().settlement)?;
        self.books.expect_next(quote);
        let name = discharge.name(self.lang).to_owned();
        self.say(
            format!("预结算：{name}，随后的结算与预结算逐分相同"),
            format!("pre-settled: {name}; the settlement after it is the same to the fen"),
        );
        Ok(())
    }

    /// A bill that does not add up is refused by line, and nothing of it is kept.
    async fn refused(&mut self, client: &mut Client, discharge: &Discharge) -> Result<(), Failure> {
        let status = match client.settle_bill(discharge.request.clone()).await {
            Ok(_) => return Err(Failure::fault("a bill that does not add up was settled")),
            Err(status) => status,
        };
        let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        let field = violations.first().map(|violation| violation.field.as_str()).unwrap_or_default();
        if status.code() != Code::InvalidArgument || field != "feedetail[1].det_item_fee_sumamt" {
            return Err(unexpected(discharge, &status));
        }
        let info = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
        let sentence = |lang: &str| info.get(lang).cloned().unwrap_or_default();
        let (zh, en) = (discharge.name(Lang::Zh), discharge.name(Lang::En));
        self.say(format!("已拒绝：{zh}：{}", sentence("zh")), format!("refused: {en}: {}", sentence("en")));
        Ok(())
    }

    /// The same message again: the same answer to the byte, paid once.
    async fn sent_twice(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
        first: &v1::Settlement,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let answer = client
            .settle_bill(discharge.request.clone())
            .await
            .map_err(|status| unexpected(discharge, &status))?;
        let elapsed = begun.elapsed();
        let answer = answer.into_inner();
        let again = settlement(answer.settlement)?;
        self.auditor.check(&again, answer.receipt)?;
        if again != *first {
            return Err(Failure::fault("the same message got another answer"));
        }
        let (zh, en) = (discharge.name(Lang::Zh), discharge.name(Lang::En));
        self.say(
            format!("重发：{zh}，同一答复 {}，只付一次（{} 微秒）", again.setl_id, elapsed.as_micros()),
            format!(
                "sent again: {en}, the same answer {}, paid once ({} us)",
                again.setl_id,
                elapsed.as_micros()
            ),
        );
        Ok(())
    }

    /// A settlement is taken back and the corrected bill settled.
    async fn cancelled_and_settled_again(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
        first: &v1::Settlement,
    ) -> Result<(), Failure> {
        let header = discharge.request.header.clone().unwrap_or_default();
        let cancel = v1::CancelSettlementRequest {
            header: Some(v1::Header { msgid: morning::next_msgid(&header.msgid, 1), ..header.clone() }),
            mdtrt_id: first.mdtrt_id.clone(),
            setl_id: first.setl_id.clone(),
            psn_no: first.psn_no.clone(),
            national: None,
        };
        let begun = Instant::now();
        let answer =
            client.cancel_settlement(cancel).await.map_err(|status| unexpected(discharge, &status))?;
        let elapsed = begun.elapsed();
        let answer = answer.into_inner();
        let mirror = settlement(answer.settlement)?;
        self.auditor.check(&mirror, answer.receipt)?;
        self.books.add(&mirror)?;
        let name = match self.lang {
            Lang::Zh => format!("{}（撤销）", discharge.name(Lang::Zh)),
            Lang::En => format!("{} (cancelled)", discharge.name(Lang::En)),
        };
        self.row(&name, &mirror, elapsed)?;

        let mut request = discharge.request.clone();
        request.header = Some(v1::Header { msgid: morning::next_msgid(&header.msgid, 2), ..header });
        let again = self.settle(client, discharge, &request).await?;
        if again.setlinfo != first.setlinfo {
            return Err(Failure::fault("the settlement after the cancellation differs from the first"));
        }
        let query = v1::QueryByMsgidRequest {
            fixmedins_code: request.header.clone().unwrap_or_default().fixmedins_code,
            msgid: first.medins_setl_id.clone(),
            known_tree_size: String::new(),
        };
        let state = client.query_by_msgid(query).await.map_err(|status| unexpected(discharge, &status))?;
        let state = state.into_inner();
        if (state.outcome.as_str(), state.state.as_str()) != ("booked", "cancelled") {
            return Err(Failure::fault(format!("the cancelled settlement is `{}`", state.state)));
        }
        self.say(
            format!(
                "撤销后重新结算：{} → {} → {}，累计恢复后结果相同",
                first.setl_id, mirror.setl_id, again.setl_id
            ),
            format!(
                "cancelled and settled again: {} -> {} -> {}, the accumulators were restored",
                first.setl_id, mirror.setl_id, again.setl_id
            ),
        );
        Ok(())
    }
}

fn settlement(settlement: Option<v1::Settlement>) -> Result<v1::Settlement, Failure> {
    settlement.ok_or_else(|| Failure::fault("the answer holds no settlement"))
}

fn unexpected(discharge: &Discharge, status: &Status) -> Failure {
    Failure::fault(format!("{}: {:?}: {}", discharge.id, status.code(), status.message()))
}
