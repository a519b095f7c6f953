//! What every request passes, coming and going: host and origin checks, what pages of listed
//! origins are told, the request's id, its span, its count, and the body of a problem.
//!
//! One hand-written future with nothing boxed: this is on the path of every posted event.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use actix_web::{
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::header::{HeaderName, HeaderValue},
};
use pin_project_lite::pin_project;
use tracing::Span;

use crate::{
    app::{App, REQUEST_ID},
    cors,
    error::{Code, Problem},
    metrics::Route,
    routes::streams,
};

/// The middleware.
pub(crate) struct Gate(pub(crate) Arc<App>);

impl<S, B> Transform<S, ServiceRequest> for Gate
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Transform = Gated<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Gated { app: Arc::clone(&self.0), inner }))
    }
}

/// The rest of the server behind the gate.
pub(crate) struct Gated<S> {
    app: Arc<App>,
    inner: S,
}

impl<S, B> Service<ServiceRequest> for Gated<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = actix_web::Error;
    type Future = Passage<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let began = Instant::now();
        let id = self.app.request_id(request.headers());
        // Costs nothing unless somebody listens at this level.
        let span = tracing::debug_span!(
            "request",
            request_id = id.to_str().unwrap_or_default(),
            method = request.method().as_str(),
            path = request.path(),
        );
        let app = Arc::clone(&self.app);
        let (way, page) = match app.hosts.check(request.uri(), request.headers()) {
            Ok(Some(page)) if cors::is_preflight(&request) => {
                (Way::Preflight { request: Some(Box::new(request)) }, Some(page))
            }
            Ok(page) => (Way::Open { future: self.inner.call(request) }, page),
            Err(problem) if is_told_no(&app, &request, &problem) => {
                (Way::Preflight { request: Some(Box::new(request)) }, None)
            }
            Err(problem) => (Way::Refused { refusal: Some(Box::new((request, problem))) }, None),
        };
        Passage { way, app, id: Some(id), page, span, began }
    }
}

pin_project! {
    #[project = WayProjected]
    enum Way<F> {
        Open { #[pin] future: F },
        // Boxed as the next: rare, and it would make every passage large.
        Preflight { request: Option<Box<ServiceRequest>> },
        Refused { refusal: Option<Box<(ServiceRequest, Problem)>> },
    }
}

pin_project! {
    /// One request on its way.
    pub(crate) struct Passage<F> {
        #[pin]
        way: Way<F>,
        app: Arc<App>,
        id: Option<HeaderValue>,
        // The listed origin whose page asks.
        page: Option<HeaderValue>,
        span: Span,
        began: Instant,
    }
}

impl<F, B> Future for Passage<F>
where
    F: Future<Output = Result<ServiceResponse<B>, actix_web::Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, actix_web::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let response = match this.way.project() {
            WayProjected::Open { future } => ready!(future.poll(context))?.map_into_left_body(),
            WayProjected::Preflight { request } => {
                let request = request.take().expect("polled again after it was ready");
                request.into_response::<BoxBody, _>(cors::preflight()).map_into_right_body()
            }
            WayProjected::Refused { refusal } => {
                let (request, problem) = *refusal.take().expect("polled again after it was ready");
                request.error_response(problem).map_into_right_body()
            }
        };
        let id = this.id.take().expect("polled again after it was ready");
        let mut response = finish(this.app, response, id, *this.began);
        if let Some(origin) = this.page.take() {
            cors::allow(response.headers_mut(), origin);
        }
        if this.app.hosts.lists_origins() {
            cors::vary(response.headers_mut());
        }
        Poll::Ready(Ok(response))
    }
}

/// The way out.
fn finish<B: MessageBody>(
    app: &App,
    mut response: ServiceResponse<EitherBody<B>>,
    id: HeaderValue,
    began: Instant,
) -> ServiceResponse<EitherBody<B>> {
    let route = response.request().app_data::<Route>().copied().unwrap_or(Route::Other);
    let status = response.status().as_u16();
    app.metrics.answered(route, status, began.elapsed());
    if response.response().error().is_some() {
        response = tell(response, id.to_str().unwrap_or_default());
    } else {
        tracing::debug!(status, "answered");
    }
    response.headers_mut().insert(HeaderName::from_static(REQUEST_ID), id);
    response
}

/// Whether a page that is not listed asks what it may do with plain streams. It is told as the
/// protocol's suite wants it, without the header that would allow the page itself: to a browser that
/// is a no like any other.
fn is_told_no(app: &App, request: &ServiceRequest, problem: &Problem) -> bool {
    app.config.streams.enabled
        && problem.code() == Code::OriginNotAllowed
        && cors::is_preflight(request)
        && request.path().starts_with(streams::ROOT)
}

/// Writes the problem's body, now that the request's id is known.
#[cold]
fn tell<B: MessageBody>(
    response: ServiceResponse<EitherBody<B>>,
    id: &str,
) -> ServiceResponse<EitherBody<B>> {
    let foreign;
    let Some(error) = response.response().error() else { return response };
    let problem = match error.as_error::<Problem>() {
        Some(problem) => problem,
        None => {
            // Actix's own refusals: a path or payload it could not read.
            let status = response.status();
            let code =
                if status.is_client_error() { Code::MalformedRequest } else { Code::Internal };
            foreign = Problem::new(code, error.to_string());
            &foreign
        }
    };
    log(problem, id);
    let body = problem.json(id);
    response.map_body(|head, _| {
        let json = HeaderValue::from_static(crate::error::PROBLEM_JSON);
        head.headers_mut().insert(actix_web::http::header::CONTENT_TYPE, json);
        EitherBody::right(BoxBody::new(body))
    })
}

/// A client's slip is nobody's alarm; the server's own faults are.
fn log(problem: &Problem, request_id: &str) {
    match problem.code() {
        Code::Corrupt | Code::Internal => tracing::error!(request_id, %problem, "request failed"),
        Code::StoreUnavailable | Code::Interrupted => {
            tracing::warn!(request_id, %problem, "request refused")
        }
        _ => tracing::debug!(request_id, %problem, "request refused"),
    }
}
