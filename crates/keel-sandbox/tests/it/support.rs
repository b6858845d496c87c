//! A sandbox on a free port, and a client that always has a deadline.

use std::time::Duration;

use keel_sandbox::Sandbox;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub struct Running {
    pub url: String,
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

pub async fn start(sandbox: Sandbox) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        keel_sandbox::serve(listener, sandbox, shutdown).await.expect("the sandbox serves");
    });
    Running { url, client: client(), stop: Some(stop) }
}

pub fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client")
}

impl Running {
    pub async fn try_post(&self, path: &str, key: &str, body: &Value) -> reqwest::Result<Response> {
        self.client.post(format!("{}{path}", self.url)).header("Idempotency-Key", key).json(body).send().await
    }

    pub async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let response = self.try_post(path, key, body).await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    pub async fn charge(&self, order: &str, customer: &str, amount: u64) -> (u16, Value) {
        let body =
            json!({"orderId": order, "customerId": customer, "amountMinor": amount, "currency": "EUR"});
        self.post("/payments/charges", &format!("{order}:chargePayment"), &body).await
    }

    pub async fn refund(&self, order: &str) -> (u16, Value) {
        let body = json!({"chargeKey": format!("{order}:chargePayment"), "orderId": order});
        self.post("/payments/refunds", &format!("{order}:refundPayment"), &body).await
    }

    pub async fn ship(&self, order: &str, customer: &str) -> (u16, Value) {
        let body = json!({"orderId": order, "customerId": customer, "lines": [{"sku": "S", "quantity": 2}]});
        self.post("/courier/shipments", &format!("{order}:bookShipment"), &body).await
    }

    pub async fn cancel(&self, order: &str) -> (u16, Value) {
        let body = json!({"shipmentKey": format!("{order}:bookShipment"), "orderId": order});
        self.post("/courier/cancellations", &format!("{order}:cancelShipment"), &body).await
    }

    pub async fn fault(&self, provider: &str, fault: Value) -> u16 {
        let response = self.client.put(format!("{}/faults/{provider}", self.url)).json(&fault).send().await;
        response.expect("an answer").status().as_u16()
    }

    pub async fn get(&self, path: &str) -> String {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.expect("an answer");
        response.text().await.expect("text")
    }

    pub async fn effects(&self, order: &str) -> Value {
        let summary: Value = serde_json::from_str(&self.get("/journal/summary").await).expect("JSON");
        summary["orders"][order].clone()
    }

    pub async fn journal(&self, query: &str) -> Vec<Value> {
        let text = self.get(&format!("/journal{query}")).await;
        text.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect()
    }
}
