//! An OTLP receiver that keeps every span it gets, as a collector would.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tonic::transport::server::{Server, TcpIncoming};
use tonic::{Request, Response, Status};

/// A span as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which service sent it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// The trace, in hex.
    pub trace: String,
    /// Its own id, in hex.
    pub id: String,
    /// The id of the span it is beneath, in hex; empty for a root.
    pub parent: String,
    /// Whether it is marked as failed.
    pub failed: bool,
    /// Everything else that it says, as text, to look for what must not be there.
    pub text: String,
}

/// A collector on a free port of this machine. It ends with this value.
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    // Dropped with the value, which ends the server.
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the collector");
        let spans = Arc::default();
        let inside = runtime.enter();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("a bound address");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener for tokio");
        let service = TraceServiceServer::new(Receiver(Arc::clone(&spans)));
        runtime
            .spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        drop(inside);
        Self { address, spans, _runtime: runtime }
    }

    /// What `traces.endpoint` must be.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far, in the order they came.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first span of this name, if it came already.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Span> {
        self.spans().into_iter().find(|span| span.name == name)
    }
}

struct Receiver(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.iter().find(|attribute| attribute.key == "service.name");
            let service = match service.and_then(|found| found.value.clone()?.value) {
                Some(Value::StringValue(name)) => name,
                _ => String::new(),
            };
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.push(Span {
                    service: service.clone(),
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    failed: span.status.as_ref().is_some_and(|status| status.code == 2),
                    text: format!("{:?} {:?} {:?}", span.attributes, span.events, span.status),
                    name: span.name,
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
