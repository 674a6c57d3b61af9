//! Requests to services on the loopback.

use std::path::PathBuf;

use rcgen::DnType;
use rustls::version::TLS13;

use super::*;
use crate::collect::net::loopback::{
    Hosts, Reply as Answer, Server, certificate, client, closed, http, soon, tls_server,
};
use crate::collect::net::{AddressPolicy, LimitsConfig, Refusal};

async fn get(client: &HttpClient, url: &str) -> Result<Reply, HttpError> {
    client.get(&Url::parse(url).unwrap(), "text/plain", 100, allowed()).await
}

#[tokio::test]
async fn follows_redirects_and_resolves_names() {
    let server = Server::http(|asked| match asked.path() {
        "/" => http("302 Found", "location: /a\r\n", ""),
        "/a" => http("302 Found", "location: //other.example/b\r\n", ""),
        "/loop" => http("302 Found", "location: /loop\r\n", ""),
        "/away" => http("302 Found", "location: file:///etc/passwd\r\n", ""),
        _ => http("200 OK", "", "end"),
    })
    .await;
    let port = server.address.port();
    let client = client(&[("some.example", &["127.0.0.1"]), ("other.example", &["127.0.0.1"])]);
    // The port of a URL without one is 80, where nobody listens for us: so the second redirect names it.
    let reply = get(&client, &format!("http://some.example:{port}/a")).await;
    assert!(matches!(reply, Err(HttpError::Transport(_))), "{reply:?}");
    let reply = get(&client, &format!("http://some.example:{port}/b")).await.unwrap();
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &b"end"[..]));
    for path in ["loop", "away"] {
        let reply = get(&client, &format!("http://some.example:{port}/{path}")).await;
        assert!(matches!(reply, Err(HttpError::Redirect)), "{reply:?}");
    }
    assert_eq!(server.paths().iter().filter(|path| *path == "/loop").count(), 1 + REDIRECTS);
    let asked = &server.asked()[0].head;
    assert!(asked.contains("accept: text/plain\r\n") && asked.contains("user-agent: domainflow/"), "{asked}");
}

#[tokio::test]
async fn refuses_private_addresses_in_every_form() {
    let server = Server::http(|_| http("200 OK", "", "secret")).await;
    let port = server.address.port();
    let config = NetConfig::default();
    let hosts = Hosts::new(&[("inside.example", &["127.0.0.1"])]);
    let dialer = Dialer::new(Arc::new(hosts), AddressPolicy::public());
    let client = HttpClient::new(&config, dialer, Arc::new(Limiter::new(LimitsConfig::default()))).unwrap();
    for host in ["127.0.0.1", "2130706433", "[::ffff:7f00:1]", "inside.example"] {
        let reply = get(&client, &format!("http://{host}:{port}/")).await;
        let refused = matches!(reply, Err(HttpError::Dial(DialError::Refused(Refusal::Loopback))));
        assert!(refused, "{host}: {reply:?}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn trusts_the_roots_of_the_configuration_only() {
    let (leaf, key) = certificate(&["service.example"], &[(DnType::CommonName, "service.example")]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &leaf)
    );
    std::io::Write::write_all(&mut file, pem.as_bytes()).unwrap();
    let server = Server::https(tls_server(&[&TLS13], vec![leaf], key), |_| http("200 OK", "", "ok")).await;
    let url = format!("https://service.example:{}/", server.address.port());

    let trusting = |ca_file: Option<PathBuf>| {
        let config = NetConfig { allow_private: true, ca_file, ..NetConfig::default() };
        let hosts = Hosts::new(&[("service.example", &["127.0.0.1"])]);
        let dialer = Dialer::new(Arc::new(hosts), config.policy().unwrap());
        HttpClient::new(&config, dialer, Arc::new(Limiter::new(LimitsConfig::default())))
    };
    assert_eq!(&get(&trusting(Some(file.path().into())).unwrap(), &url).await.unwrap().body[..], b"ok");
    let stranger = get(&trusting(None).unwrap(), &url).await;
    assert!(
        matches!(&stranger, Err(HttpError::Transport(text)) if text.contains("UnknownIssuer")),
        "{stranger:?}"
    );

    for path in ["/nowhere.pem", "/dev/null"] {
        assert!(matches!(trusting(Some(path.into())), Err(HttpClientError::Trust(_))), "{path}");
    }
}

#[tokio::test]
async fn says_why_there_is_no_answer() {
    let client = client(&[]);
    let server = Server::http(|asked| match asked.path() {
        "/long" => http("200 OK", "", "x".repeat(101)),
        "/long-error" => http("404 Not Found", "", "x".repeat(101)),
        "/junk" => Answer::Write(b"SSH-2.0\r\n".to_vec()),
        _ => Answer::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()),
    })
    .await;
    let at = |path: &str| format!("http://{}{path}", server.address);
    let gone = format!("http://{}/", closed().await);
    for (url, status) in [
        (at("/long"), Status::INVALID_RESPONSE),
        (at("/junk"), Status::CANNOT_FETCH),
        (gone, Status::CANNOT_FETCH),
        ("http://unknown.example/".to_owned(), Status::CANNOT_FETCH),
        ("ftp://127.0.0.1/".to_owned(), Status::CANNOT_FETCH),
    ] {
        let error = get(&client, &url).await.unwrap_err();
        assert_eq!(error.status(), status, "{url}: {error}");
    }
    assert_eq!(get(&client, &at("/long-error")).await.unwrap().status, StatusCode::NOT_FOUND);

    let short = Allowed { limit: Duration::from_millis(50), ..allowed() };
    let late = client.get(&Url::parse(&at("/silence")).unwrap(), "text/plain", 100, short).await.unwrap_err();
    assert_eq!(late.status(), Status::TIMEOUT);
}

#[tokio::test]
async fn passes_the_limiter_before_every_request() {
    let config = NetConfig { allow_private: true, ..NetConfig::default() };
    let limiter = Arc::new(Limiter::new(LimitsConfig { open: 1, waiting: 0, ..LimitsConfig::default() }));
    let dialer = crate::collect::net::loopback::dialer(&[]);
    let client = HttpClient::new(&config, dialer, limiter.clone()).unwrap();
    let server = Server::http(|_| http("200 OK", "", "ok")).await;
    let url = format!("http://{}/", server.address);
    let pass = limiter.pass(&server.address.to_string(), soon()).await.unwrap();
    assert_eq!(get(&client, &url).await.unwrap_err().status(), Status::LOCAL_RATE_LIMIT);
    drop(pass);
    assert!(get(&client, &url).await.is_ok());
}

#[tokio::test]
async fn a_post_does_not_follow_redirects() {
    let server = Server::http(|_| http("302 Found", "location: /other\r\n", "")).await;
    let url = Url::parse(&format!("http://{}/in", server.address)).unwrap();
    let body = Bytes::from_static(b"abc");
    let reply = client(&[]).ask_here(&url, HeaderMap::new(), Some(body), 100, allowed()).await.unwrap();
    assert_eq!(reply.status, StatusCode::FOUND);
    assert_eq!(server.paths(), ["/in"]);
    assert_eq!(server.asked()[0].body, b"abc");
}

fn allowed() -> Allowed {
    Allowed { limit: Duration::from_secs(60), deadline: soon() }
}

/// 429 and 503 with `Retry-After` are waited for and asked again; a pause that nobody would wait for is the answer, and
/// nothing is sent while it lasts.
#[tokio::test]
async fn a_refusal_is_obeyed_and_remembered() {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let server = Server::http(move |asked| {
        let first = seen.lock().unwrap().insert(asked.path().to_owned());
        let date = "Thu, 01 Jan 2026 00:00:00 GMT";
        match asked.path() {
            "/soon" if first => http("429 Too Many Requests", "retry-after: 0\r\n", ""),
            "/date" if first => {
                let headers = format!("date: {date}\r\nretry-after: {date}\r\n");
                http("503 Service Unavailable", &headers, "")
            }
            "/busy" => http("503 Service Unavailable", "", ""),
            "/never" => http("429 Too Many Requests", "retry-after: 3600\r\n", ""),
            _ => http("200 OK", "", "ok"),
        }
    })
    .await;
    let client = client(&[]);
    let at = |path: &str| format!("http://{}{path}", server.address);
    for (path, status) in [("/soon", 200), ("/date", 200), ("/busy", 503), ("/never", 429)] {
        assert_eq!(get(&client, &at(path)).await.unwrap().status.as_u16(), status, "{path}");
    }
    assert_eq!(server.paths(), ["/soon", "/soon", "/date", "/date", "/busy", "/never"]);
    assert_eq!(get(&client, &at("/other")).await.unwrap_err().status(), Status::LRL_TIMEOUT);
    assert_eq!(server.paths().len(), 6);
}
