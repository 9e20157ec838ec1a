//! A gateway on a free loopback port with a fresh ledger, and clients of it.
#![allow(dead_code, reason = "each of the tests that share the house uses a part of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bedside_gateway::notary::{Notary, NotaryError, open_or_make_key};
use bedside_gateway::server::{Config, Gateway, Limits, ServeError, Served};
use bedside_gateway::v1;
use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_ledger::{Ledger, LedgerConfig};
use bedside_policy::Library;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::{ErrorInfo, StatusExt};

pub(crate) type Client = BedsideServiceClient<Channel>;

/// A running gateway; the folder of its ledger goes when it goes.
pub(crate) struct House {
    pub(crate) channel: Channel,
    pub(crate) client: Client,
    pub(crate) ledger: Ledger,
    pub(crate) library: Arc<Library>,
    pub(crate) address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<Result<Served, ServeError>>,
    folder: tempfile::TempDir,
}

fn open_ledger(folder: &tempfile::TempDir) -> Ledger {
    Ledger::open(LedgerConfig { segment_bytes: 1 << 20, ..LedgerConfig::at(folder.path()) }).unwrap()
}

impl House {
    pub(crate) async fn open() -> House {
        House::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Config)) -> House {
        House::open_in(tempfile::tempdir().unwrap(), builtin(), change).await
    }

    /// With other rule packs.
    pub(crate) async fn open_by(library: Arc<Library>) -> House {
        House::open_in(tempfile::tempdir().unwrap(), library, |_| {}).await
    }

    /// With a notary whose key and checkpoint log lie in another folder.
    pub(crate) async fn open_notarized(
        folder: tempfile::TempDir,
        beside: &Path,
    ) -> Result<(House, Arc<Notary>), NotaryError> {
        let ledger = open_ledger(&folder);
        let key = open_or_make_key(&beside.join("key"), "bedside/insurer").unwrap();
        let notary = Arc::new(Notary::open(key, Some(beside.join("log")), &ledger)?);
        Ok((House::serve(folder, ledger, builtin(), Some(Arc::clone(&notary)), |_| {}).await, notary))
    }

    async fn open_in(
        folder: tempfile::TempDir,
        library: Arc<Library>,
        change: impl FnOnce(&mut Config),
    ) -> House {
        let ledger = open_ledger(&folder);
        House::serve(folder, ledger, library, None, change).await
    }

    async fn serve(
        folder: tempfile::TempDir,
        ledger: Ledger,
        library: Arc<Library>,
        notary: Option<Arc<Notary>>,
        change: impl FnOnce(&mut Config),
    ) -> House {
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), "insurer");
        change(&mut config);
        let mut gateway = Gateway::bind(config).await.unwrap();
        if let Some(notary) = notary {
            gateway = gateway.with_notary(notary);
        }
        let address = gateway.local_addr();
        let (shutdown, told) = oneshot::channel();
        let told = async {
            let _ = told.await;
        };
        let served = tokio::spawn(gateway.serve(ledger.clone(), Arc::clone(&library), told));
        let channel = channel_to(address).await;
        let client = client_on(channel.clone());
        House { channel, client, ledger, library, address, shutdown, served, folder }
    }

    /// Tells the gateway to stop and waits until it has.
    pub(crate) async fn close(self) -> Served {
        self.end().await.0
    }

    /// Stops the gateway and its ledger, and opens both again on the same folder.
    pub(crate) async fn restart(self) -> House {
        self.restart_with(|_| {}).await
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> House {
        let library = Arc::clone(&self.library);
        let (_, folder) = self.end().await;
        House::open_in(folder, library, change).await
    }

    /// A client with a connection of its own.
    pub(crate) async fn another_client(&self) -> Client {
        client_on(channel_to(self.address).await)
    }

    /// The same ledger under other rule packs.
    pub(crate) async fn restart_under(self, library: Arc<Library>) -> House {
        let (_, folder) = self.end().await;
        House::open_in(folder, library, |_| {}).await
    }

    pub(crate) async fn end(self) -> (Served, tempfile::TempDir) {
        let House { channel, client, ledger, shutdown, served, folder, .. } = self;
        drop((channel, client));
        shutdown.send(()).unwrap();
        let served = served.await.unwrap().unwrap();
        ledger.shutdown();
        (served, folder)
    }

    pub(crate) async fn settle(&mut self, request: v1::SettleBillRequest) -> Result<v1::Settlement, Status> {
        let answered = self.client.settle_bill(request).await?;
        Ok(answered.into_inner().settlement.unwrap())
    }

    pub(crate) async fn cancel(
        &mut self,
        msgid: &str,
        original: &v1::Settlement,
    ) -> Result<v1::Settlement, Status> {
        self.cancel_with(msgid, original, None).await
    }

    /// Cancels with the platform's own cancellation.
    pub(crate) async fn cancel_with(
        &mut self,
        msgid: &str,
        original: &v1::Settlement,
        national: Option<v1::NationalAnswer>,
    ) -> Result<v1::Settlement, Status> {
        let header = v1::Header {
            msgid: msgid.to_owned(),
            fixmedins_code: "H33010600001".to_owned(),
            ..v1::Header::default()
        };
        let request = v1::CancelSettlementRequest {
            header: Some(header),
            mdtrt_id: original.mdtrt_id.clone(),
            setl_id: original.setl_id.clone(),
            psn_no: original.psn_no.clone(),
            national,
        };
        let answered = self.client.cancel_settlement(request).await?;
        Ok(answered.into_inner().settlement.unwrap())
    }

    pub(crate) async fn reverse(
        &mut self,
        msgid: &str,
        psn_no: &str,
        omsgid: &str,
        oinfno: &str,
    ) -> Result<v1::ReverseResponse, Status> {
        let request = reversal(msgid, psn_no, omsgid, oinfno);
        Ok(self.client.reverse(request).await?.into_inner())
    }

    pub(crate) async fn query(&mut self, msgid: &str) -> v1::QueryByMsgidResponse {
        self.query_knowing(msgid, "").await
    }

    /// Asks with the size of a tree that is known.
    pub(crate) async fn query_knowing(
        &mut self,
        msgid: &str,
        known_tree_size: &str,
    ) -> v1::QueryByMsgidResponse {
        let request = v1::QueryByMsgidRequest {
            fixmedins_code: "H33010600001".to_owned(),
            msgid: msgid.to_owned(),
            known_tree_size: known_tree_size.to_owned(),
        };
        self.client.query_by_msgid(request).await.unwrap().into_inner()
    }

    pub(crate) async fn get(
        &mut self,
        setl_id: &str,
        psn_no: &str,
    ) -> Result<v1::GetSettlementResponse, Status> {
        let request = v1::GetSettlementRequest {
            setl_id: setl_id.to_owned(),
            psn_no: psn_no.to_owned(),
            ..v1::GetSettlementRequest::default()
        };
        Ok(self.client.get_settlement(request).await?.into_inner())
    }

    pub(crate) async fn accumulators(&mut self, psn_no: &str) -> Vec<v1::Accumulator> {
        let request = v1::GetAccumulatorsRequest { psn_no: psn_no.to_owned(), ..Default::default() };
        self.client.get_accumulators(request).await.unwrap().into_inner().accumulators
    }
}

/// A client that takes answers as large as the gateway gives.
fn client_on(channel: Channel) -> Client {
    Client::new(channel).max_decoding_message_size(Limits::default().answer_bytes)
}

/// A connection to a gateway.
async fn channel_to(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn builtin() -> Arc<Library> {
    Arc::new(Library::builtin().unwrap())
}

/// A reversal of the hospital of the base message.
pub(crate) fn reversal(msgid: &str, psn_no: &str, omsgid: &str, oinfno: &str) -> v1::ReverseRequest {
    let header = v1::Header {
        msgid: msgid.to_owned(),
        fixmedins_code: "H33010600001".to_owned(),
        ..v1::Header::default()
    };
    v1::ReverseRequest {
        header: Some(header),
        psn_no: psn_no.to_owned(),
        omsgid: omsgid.to_owned(),
        oinfno: oinfno.to_owned(),
    }
}

/// The `ErrorInfo` that every status of ours carries.
pub(crate) fn info(status: &Status) -> ErrorInfo {
    let info = status.get_error_details().error_info().cloned().unwrap_or_else(|| panic!("{status:?}"));
    assert_eq!(info.domain, "bedside");
    assert_eq!(info.metadata["en"], status.message());
    assert!(!info.metadata["zh"].is_empty());
    info
}

/// The reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    info(status).reason
}
