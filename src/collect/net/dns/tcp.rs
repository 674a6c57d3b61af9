//! One query over TCP (RFC 7766), on a connection of its own: for replies that do not fit a datagram.
//!
//! The caller sets the deadline.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::AskError;
use super::query::Query;

/// Sends `query` to `server` and gives the message that answers it; its length field bounds it to 64 KiB.
pub(super) async fn ask(server: SocketAddr, query: &Query) -> Result<Vec<u8>, AskError> {
    let length = u16::try_from(query.bytes().len()).map_err(|_| AskError::Malformed)?;
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes(), query.bytes()].concat()).await?;
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await?;
    query.fit(&reply).map(|_| reply).ok_or(AskError::Malformed)
}
