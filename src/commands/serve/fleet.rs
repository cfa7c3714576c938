//! What makes a server one of a fleet.

use crate::cli::Serve;
use crate::commands::values::read_file;
use crate::net::StoreDoor;
use crate::net::secret::Secret;
use crate::net::tls::read_certificates;
use crate::serve::fleet::{Fleet, Store, StoreUrl, read_secret};
use proxyprobe_probes::io::pen::Entropy;
use std::path::Path;
use std::sync::Arc;

/// This server's part of a fleet, if it is to have one.
///
/// # Errors
/// When something that it needs cannot be read.
pub(super) fn of(flags: &Serve, password: Option<Secret>) -> Result<Option<Arc<Fleet>>, String> {
    let (Some(store), Some(secret_file)) = (&flags.store, &flags.secret_file) else { return Ok(None) };
    if !flags.acme.is_empty() {
        return Err("--acme proves a name to one server alone: give all nodes of a fleet the same --cert and --key".to_owned());
    }
    if flags.self_signed {
        return Err("--self-signed makes another certificate at each node: give all of them the same --cert and --key".to_owned());
    }
    let secret = read_secret(&text_of(secret_file)?).map_err(|why| format!("{}: {why}", secret_file.display()))?;
    let url = StoreUrl::read(store)?;
    let password = match &flags.store_password_file {
        Some(file) => Some(Secret::new(text_of(file)?.lines().next().unwrap_or_default())),
        None => password,
    };
    let door = match (url.tls, &flags.store_ca_file) {
        (true, file) => {
            let roots = file.as_ref().map(|file| read_certificates(&read_file(file)?)).transpose();
            let roots = roots.map_err(|why| format!("--store-ca-file: {why}"))?.unwrap_or_default();
            StoreDoor::encrypted(url.host.clone(), url.port, roots)?
        }
        (false, None) => StoreDoor::plain(url.host.clone(), url.port),
        (false, Some(_)) => return Err("--store-ca-file is for a store that speaks TLS: rediss://".to_owned()),
    };
    let store = Store::new(door, url, password, secret.expose().as_bytes());
    Ok(Some(Fleet::new(store, secret, &Entropy::system())))
}

fn text_of(file: &Path) -> Result<String, String> {
    Ok(String::from_utf8_lossy(&read_file(file)?).into_owned())
}
