//! Where a redirect leads: reads a `Location`, decides whether that is a page we would visit.
//!
//! Knows nothing of limits and addresses: `fetch.rs` counts, and the dialer refuses what the policy forbids.

use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::LOCATION;
use url::{Position, Url};

/// The `Location` of an answer that is a redirect: status 3xx with that header, in any case.
pub fn location(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LOCATION).filter(|_| status.is_redirection())?;
    Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
}

/// The page that `location` names, seen from `from`; `None` if it names none: another scheme than http and https, no
/// host, or a scheme without `//` (which browsers take as relative; RFC 3986 does not).
pub fn follow(from: &Url, location: &str) -> Option<Url> {
    if let Some((scheme, rest)) = location.split_once(':') {
        let scheme = scheme.to_ascii_lowercase();
        if matches!(scheme.as_str(), "http" | "https") && !rest.starts_with("//") {
            return None;
        }
    }
    page(from.join(location).ok()?)
}

/// The URL as it is asked for: no credentials, no fragment.
fn page(mut url: Url) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    // Both can only fail for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Some(url)
}

/// The request target of a URL in origin form (RFC 9112 section 3.2.1): never empty.
pub fn request_target(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

/// The value of the `Host` header: the port only where the URL names one.
pub fn host_header(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_page_that_a_location_names() {
        let from = Url::parse("https://a.example/dir/page?q").unwrap();
        for (location, expected) in [
            ("/next?x=1", Some("https://a.example/next?x=1")),
            ("next", Some("https://a.example/dir/next")),
            ("?x", Some("https://a.example/dir/page?x")),
            ("//b.example", Some("https://b.example/")),
            ("https://b.example", Some("https://b.example/")),
            ("HTTP://B.example:8080/x#frag", Some("http://b.example:8080/x")),
            ("https://user:pass@b.example/", Some("https://b.example/")),
            ("https://b.example/a b%2F", Some("https://b.example/a%20b%2F")),
            ("https://2130706433/", Some("https://127.0.0.1/")),
            ("https://háčky.cz/", Some("https://xn--hky-ela4t.cz/")),
            ("", Some("https://a.example/dir/page?q")),
            ("https:foo", None),
            ("https:/foo", None),
            ("https://", None),
            ("ftp://b.example/", None),
            ("javascript:alert(1)", None),
            ("mailto:a@b.example", None),
            ("http://[::1", None),
        ] {
            let url = follow(&from, location);
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{location:?}");
        }
    }

    #[test]
    fn asks_for_a_path_and_names_the_host() {
        for (url, target, host) in [
            ("https://a.example", "/", "a.example"),
            ("https://a.example:443?x=1", "/?x=1", "a.example"),
            ("http://a.example:8080/a/b?c#d", "/a/b?c", "a.example:8080"),
            ("http://[::1]:80/", "/", "[::1]"),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!((request_target(&url), host_header(&url)), (target, host));
        }
    }
}
