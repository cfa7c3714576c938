//! Forwards the 101 and then swallows bytes: both ways or one. The true zombie.

use super::head::Head;
use super::{Middlebox, relay};
use proxyprobe_probes::io::{BoxFuture, Io};
use tokio::io::split;

/// Which way bytes are swallowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwallowAfter101 {
    /// Both ways.
    BothWays,
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Middlebox for SwallowAfter101 {
    fn carry(&self, mut client: Io, mut server: Io) -> BoxFuture<'static, ()> {
        let way = *self;
        Box::pin(async move {
            let Some(request) = Head::read(&mut client).await else { return };
            if request.write(&mut server).await.is_err() {
                return;
            }
            let Some(mut answer) = relay::answer(&mut client, &mut server).await else { return };
            if answer.status() != 101 {
                if answer.write(&mut client).await.is_ok() {
                    relay::pass(client, server).await;
                }
                return;
            }
            if way != SwallowAfter101::ToServer {
                answer.rest.clear();
            }
            if answer.write(&mut client).await.is_err() {
                return;
            }
            let (mut from_client, mut to_client) = split(client);
            let (mut from_server, mut to_server) = split(server);
            let up = async {
                match way {
                    SwallowAfter101::ToClient => relay::one_way(&mut from_client, &mut to_server).await,
                    _ => relay::swallow(&mut from_client).await,
                }
            };
            let down = async {
                match way {
                    SwallowAfter101::ToServer => relay::one_way(&mut from_server, &mut to_client).await,
                    _ => relay::swallow(&mut from_server).await,
                }
            };
            tokio::join!(up, down);
        })
    }
}
