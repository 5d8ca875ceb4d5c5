//! Providers of keys, as far as the example hooks need them: small servers on this machine
//! that follow the published APIs, refuse what the real ones refuse, and write down what was
//! done to them. Their log is the witness of what became of a key.

pub mod aws;
pub mod gitlab;
pub mod openai;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// A request, as far as it is looked at.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    /// Returns a header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Returns a part of the query, empty where there is none.
    pub fn asked(&self, name: &str) -> &str {
        let mut parts = self
            .query
            .split('&')
            .filter_map(|part| part.split_once('='));
        parts
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: BTreeMap::new(),
            body: String::new(),
        };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            request.headers.insert(name, value);
        }
        let length = request.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        request.body = String::from_utf8(body).map_err(|_| ErrorKind::InvalidData)?;
        Ok(request)
    }
}

/// What is answered: a status and a body, JSON or XML.
pub struct Answer(pub u16, pub String);

/// An API: what it answers, and which keys it accepts.
pub trait Api: Send {
    /// Does what is asked, and writes down what that changed.
    fn answer(&mut self, request: &Request, log: &mut Vec<String>) -> Answer;

    /// The keys that work, but for those that manage, by the names of their kind.
    fn live(&self) -> Vec<String>;
}

/// What the tests set while a server runs.
#[derive(Default)]
struct Switches {
    /// Nothing that was minted is answered: the connection is held, as while a network hangs.
    loses: AtomicBool,
    /// So many requests are answered, less one; the one behind them is held. 0 is for ever.
    answers: AtomicUsize,
    is_held: AtomicBool,
    /// Every request is answered by 503.
    is_ill: AtomicBool,
    stops: AtomicBool,
}

/// A server with an API, gone when it is dropped.
pub struct Server<A: Api> {
    pub url: String,
    api: Arc<Mutex<A>>,
    log: Arc<Mutex<Vec<String>>>,
    switches: Arc<Switches>,
}

impl<A: Api + 'static> Server<A> {
    /// Starts it.
    pub fn start(api: A) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = Self {
            url: format!("http://{address}"),
            api: Arc::new(Mutex::new(api)),
            log: Arc::default(),
            switches: Arc::default(),
        };
        let (api, log, switches) = (
            Arc::clone(&server.api),
            Arc::clone(&server.log),
            Arc::clone(&server.switches),
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if switches.stops.load(Ordering::SeqCst) {
                    return;
                }
                // One at a time, and whoever goes away in the middle of it is let go.
                let _ = serve(&stream, &api, &log, &switches);
            }
        });
        server
    }

    /// The API, to look into it or to change what it has.
    pub fn api(&self) -> MutexGuard<'_, A> {
        self.api.lock().expect("no answer panicked")
    }

    /// What was done, in its order.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no answer panicked").clone()
    }

    /// The keys that work.
    pub fn live(&self) -> Vec<String> {
        self.api().live()
    }

    /// From here on, nobody hears of what was minted, or does again.
    pub fn lose_answers(&self, loses: bool) {
        self.switches.loses.store(loses, Ordering::SeqCst);
    }

    /// From here on, every request is answered by 503, or none is.
    pub fn fall_ill(&self, is_ill: bool) {
        self.switches.is_ill.store(is_ill, Ordering::SeqCst);
    }

    /// The request of this number from here on is done, and not answered.
    pub fn hold_request(&self, number: usize) {
        self.switches.is_held.store(false, Ordering::SeqCst);
        self.switches.answers.store(number, Ordering::SeqCst);
    }

    /// Tells whether it has come.
    pub fn is_held(&self) -> bool {
        self.switches.is_held.load(Ordering::SeqCst)
    }

    /// Waits until so many keys were minted.
    pub fn wait_for_minted(&self, count: usize) {
        let begin = Instant::now();
        let minted = || {
            self.log()
                .iter()
                .filter(|line| line.starts_with("minted"))
                .count()
        };
        while minted() < count {
            assert!(
                begin.elapsed() < PATIENCE,
                "nothing was minted: {:?}",
                self.log()
            );
            thread::sleep(PAUSE);
        }
    }
}

impl<A: Api> Drop for Server<A> {
    fn drop(&mut self) {
        self.switches.stops.store(true, Ordering::SeqCst);
        self.switches.loses.store(false, Ordering::SeqCst);
        // So that it looks.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn serve<A: Api>(
    mut stream: &TcpStream,
    api: &Mutex<A>,
    log: &Mutex<Vec<String>>,
    switches: &Switches,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = Request::read(stream)?;
    let mut done = Vec::new();
    let Answer(status, body) = if switches.is_ill.load(Ordering::SeqCst) {
        Answer(503, "upstream connect error".to_owned())
    } else {
        api.lock()
            .expect("no answer panicked")
            .answer(&request, &mut done)
    };
    let minted = done.iter().any(|line| line.starts_with("minted"));
    log.lock().expect("no answer panicked").append(&mut done);
    let left = switches.answers.load(Ordering::SeqCst);
    switches
        .answers
        .store(left.saturating_sub(1), Ordering::SeqCst);
    if left == 1 {
        switches.is_held.store(true, Ordering::SeqCst);
        return hold(stream, &AtomicBool::new(true));
    }
    if minted && switches.loses.load(Ordering::SeqCst) {
        return hold(stream, &switches.loses);
    }
    let kind = if body.starts_with('<') {
        "text/xml"
    } else {
        "application/json"
    };
    write!(
        stream,
        "HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Answers nothing while that is so and the other side is there.
fn hold(mut stream: &TcpStream, is_so: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(PAUSE))?;
    while is_so.load(Ordering::SeqCst) {
        match stream.read(&mut [0]) {
            Ok(0) => break,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}
