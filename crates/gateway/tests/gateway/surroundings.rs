//! What surrounds the calls: health, reflection, calls to come, shutdown.

use bedside_gateway::server::{BindError, Config, Gateway, SERVICE_NAME, Served};
use bedside_gateway::v1;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::base::base;
use crate::house::{House, reason};

#[tokio::test(flavor = "multi_thread")]
async fn health_says_serving_under_both_names() {
    let house = House::open().await;
    let mut health = HealthClient::new(house.channel.clone());
    for service in ["", SERVICE_NAME] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let answered = health.check(asked).await.unwrap().into_inner();
        assert_eq!(answered.status(), ServingStatus::Serving);
    }
    drop(health);
    assert_eq!(house.close().await, Served::Drained);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_ledger_is_said_and_turns_readiness_off() {
    let mut house = House::open().await;
    let mut health = HealthClient::new(house.channel.clone());
    let asked = HealthCheckRequest { service: SERVICE_NAME.to_owned() };
    let mut watch = health.watch(asked).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    house.ledger.shutdown();
    let status = house.settle(base()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "LEDGER_STOPPED"));
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((watch, health));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stays_is_broken_off_and_told_first() {
    let house = House::open_with(|config| config.drain = std::time::Duration::ZERO).await;
    let mut health = HealthClient::new(house.channel.clone());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(house.close().await, Served::BrokenOff);
    let mut rest = Vec::new();
    while let Some(Ok(change)) = watch.next().await {
        rest.push(change.status());
    }
    assert!(rest.iter().all(|status| *status == ServingStatus::NotServing), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_answers_only_when_enabled() {
    use tonic_reflection::pb::{v1, v1alpha};
    let house = House::open_with(|config| config.reflection = true).await;
    let ask = v1::server_reflection_request::MessageRequest::ListServices(String::new());
    let ask = v1::ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(house.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("{answer:?}");
    };
    assert!(list.service.iter().any(|service| service.name == SERVICE_NAME));

    let ask =
        v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(SERVICE_NAME.to_owned());
    let ask = v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(ask) };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(house.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    let described = v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse;
    assert!(
        matches!(&answer.message_response, Some(response) if std::mem::discriminant(response) == std::mem::discriminant(&described(Default::default()))),
        "{answer:?}"
    );
    drop((client, answers));
    house.close().await;

    let house = House::open().await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(house.channel.clone());
    let status = client.server_reflection_info(tokio_stream::empty()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    drop(client);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_come_say_so() {
    let mut house = House::open().await;
    let check = |result: Result<(), Status>, call: &str| {
        let status = result.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unimplemented, "NOT_IMPLEMENTED"));
        assert_eq!(status.message(), format!("{call} is not implemented yet"));
    };
    let client = &mut house.client;
    check(client.watch_claim(v1::WatchClaimRequest::default()).await.map(drop), "WatchClaim");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_and_a_bad_tenant_are_refused() {
    let first = Gateway::bind(Config::new("127.0.0.1:0".parse().unwrap(), "insurer")).await.unwrap();
    let taken = Gateway::bind(Config::new(first.local_addr(), "insurer")).await.unwrap_err();
    assert!(matches!(taken, BindError::Listen { address, .. } if address == first.local_addr()));
    let tenant = Gateway::bind(Config::new("127.0.0.1:0".parse().unwrap(), "a b")).await.unwrap_err();
    assert_eq!(tenant.to_string(), "tenant `a b` is not 1 to 40 letters, digits, `-` or `_`");
}
