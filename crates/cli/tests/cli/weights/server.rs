//! A web server of a few lines, for downloads that go well and badly.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the server was asked: the path, and the start of the range if one was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    pub start: Option<usize>,
}

/// A server that answers each request with the bytes that `answer` makes, and closes the connection.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gets the request and how many came before it.
    pub fn start(answer: impl Fn(&Request, usize) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // The thread ends with the tests.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read_request(&stream) else { continue };
                let mut seen = seen.lock().expect("the list of requests");
                let bytes = answer(&request, seen.len());
                seen.push(request);
                // The client may have gone.
                let _ = (&stream).write_all(&bytes);
            }
        });
        Self { url: format!("http://{address}/models"), requests }
    }

    /// All requests up to now.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("the list of requests").clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = lines.first()?.split(' ').nth(1)?.to_string();
    let start = lines.iter().find_map(|line| {
        let range = line.to_ascii_lowercase();
        range.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
    });
    Some(Request { path, start })
}

/// An answer with this status line, these headers, and as much of `body` as `sent` says.
pub fn answer(status: &str, headers: &str, body: &[u8], sent: usize) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), &body[..sent]].concat()
}

/// The rest of `body` from `start` on, as an answer to a request for a range.
pub fn partial(body: &[u8], start: usize) -> Vec<u8> {
    let (last, length) = (body.len() - 1, body.len());
    let range = format!("Content-Range: bytes {start}-{last}/{length}\r\n");
    answer("206 Partial Content", &range, &body[start..], length - start)
}
