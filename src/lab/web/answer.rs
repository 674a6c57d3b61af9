//! What a web host answers to a request.
//!
//! Decides status, redirect target and page by the data of the host; only the root path is peculiar, other paths have a
//! plain page, so that a followed redirect ends somewhere.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION};

use super::Ports;
use super::page::{self, Page};
use crate::lab::http::{self, Response};
use crate::lab::universe::{Declared, Host, PlainHttp, Template, Web, seed};

/// A web host with the ports that its redirects mention.
pub(super) struct WebHost {
    pub host: Host,
    ports: Ports,
}

impl WebHost {
    pub(super) fn new(host: Host, ports: Ports) -> Self {
        Self { host, ports }
    }

    /// Half of the hosts write header names in title case, as old servers do.
    pub(super) fn title_case(&self) -> bool {
        seed(&self.host.at.to_string()).is_multiple_of(2)
    }

    /// The answer to a GET of `path` of `asked`, over TLS or not.
    pub(super) fn answer(&self, path: &str, asked: &str, secure: bool) -> Response {
        let asked = self.plausible(asked);
        if !secure && self.host.plain == PlainHttp::Redirect {
            let to = format!("https://{asked}:{}{path}", self.ports.tls);
            return redirect(StatusCode::MOVED_PERMANENTLY, &to);
        }
        match &self.host.web {
            Web::Page { template, items, charset, declared, chunked, compressed } => {
                let page = Page {
                    template: *template,
                    items: *items,
                    charset: charset.as_deref().unwrap_or("utf-8"),
                    declared: *declared,
                };
                respond(StatusCode::OK, &page, &asked, *chunked, *compressed)
            }
            // Over plain HTTP the redirect is followed already.
            Web::Redirect { to } if path == "/" && secure => {
                let to = to
                    .replace("{host}", &asked)
                    .replace("{tls}", &self.ports.tls.to_string())
                    .replace("{http}", &self.ports.http.to_string());
                redirect(StatusCode::FOUND, &to)
            }
            Web::Hops { count } => match path.strip_prefix("/hop/").unwrap_or("0").parse::<u32>() {
                Ok(hop) if hop < *count => redirect(StatusCode::FOUND, &format!("/hop/{}", hop + 1)),
                _ => ordinary(&asked),
            },
            Web::Loop => redirect(StatusCode::FOUND, "/"),
            Web::Status { code, text } => {
                let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                http::answer(status, "text/html; charset=utf-8", Bytes::copy_from_slice(text.as_bytes()))
            }
            Web::Redirect { .. } | Web::Silent | Web::Banner { .. } | Web::Reset => ordinary(&asked),
        }
    }

    /// The asked host, if it is one that may stand in a page; else the address.
    fn plausible(&self, asked: &str) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !asked.is_empty() && asked.len() <= 253 && asked.chars().all(allowed) {
            asked.to_ascii_lowercase()
        } else {
            self.host.at.to_string()
        }
    }
}

fn ordinary(asked: &str) -> Response {
    let page = Page { template: Template::Company, items: 4, charset: "utf-8", declared: Declared::InHeader };
    respond(StatusCode::OK, &page, asked, false, false)
}

fn respond(status: StatusCode, page: &Page<'_>, asked: &str, chunked: bool, compressed: bool) -> Response {
    let mut body = page::render(page, asked);
    let mut response = http::answer(status, "text/html", Bytes::new());
    if page.declared == Declared::InHeader
        && let Ok(value) = HeaderValue::from_str(&format!("text/html; charset={}", page.charset))
    {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    if compressed {
        body = gzip(&body);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *response.body_mut() =
        if chunked { http::chunked(body) } else { http::answer(status, "", body).into_body() };
    response
}

fn gzip(body: &[u8]) -> Bytes {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    packed.write_all(body).and_then(|()| packed.finish()).unwrap_or_default().into()
}

fn redirect(status: StatusCode, to: &str) -> Response {
    let mut response = http::answer(status, "text/html", "<html><a href=\"/\">moved</a></html>");
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}
