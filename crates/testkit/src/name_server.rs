//! A name server that answers as scripted: over UDP, and over TCP what is too long for that.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::task::AbortOnDropHandle;

/// The longest answer that is sent over UDP, in bytes. One that is longer is sent without its
/// records, and with the word that it is truncated.
const LONGEST_DATAGRAM_BYTES: usize = 1_232;

/// What it says to one question. What it says is good for no time: it is asked again.
#[derive(Debug, Clone)]
pub enum Say {
    /// These addresses, of the family that was asked for.
    Addresses(Vec<IpAddr>),
    /// That the name is another's, which is another's and so on, and the last has these addresses.
    Aliases(Vec<&'static str>, Vec<IpAddr>),
    /// This address, and the code to the question for the other family.
    OneFamily(IpAddr, ResponseCode),
    /// A code.
    Code(ResponseCode),
    /// Nothing.
    Nothing,
}

impl Say {
    /// These addresses, of the family that was asked for.
    ///
    /// # Panics
    /// When one is none.
    #[must_use]
    pub fn addresses(texts: &[&str]) -> Self {
        Self::Addresses(parsed(texts))
    }

    /// A chain of names that ends at these addresses.
    ///
    /// # Panics
    /// When one is none.
    #[must_use]
    pub fn aliases(names: &[&'static str], addresses: &[&str]) -> Self {
        Self::Aliases(names.to_vec(), parsed(addresses))
    }
}

fn parsed(texts: &[&str]) -> Vec<IpAddr> {
    let parse = |text: &&str| text.parse().expect("a test's address is one");
    texts.iter().map(parse).collect()
}

/// The script of each name, in lower case and with its last full stop.
type Zone = HashMap<String, Vec<Say>>;

/// The server; it stops when dropped.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    questions: Arc<Mutex<Vec<(String, RecordType)>>>,
    _servers: [AbortOnDropHandle<()>; 2],
}

impl NameServer {
    /// Answers the questions for A with the script in their order, its last entry again and again,
    /// whatever the name; those for AAAA with the same entry as the question for A that belongs to
    /// them.
    ///
    /// # Panics
    /// When the script is empty, or loopback has no port that is free.
    pub async fn start(script: Vec<Say>) -> Self {
        assert!(!script.is_empty(), "a script has at least one entry");
        let free = "127.0.0.1:0".parse().expect("it is an address");
        let every = Zone::from([(String::new(), script)]);
        // The port that is free for TCP may be taken for UDP.
        for _ in 0..16 {
            if let Ok(server) = Self::serve(free, every.clone()).await {
                return server;
            }
        }
        panic!("loopback has no port that is free for UDP and TCP");
    }

    /// The same with a script for each name; every other name does not exist.
    ///
    /// # Errors
    /// When the address can't be listened at.
    pub async fn of_zone(
        address: SocketAddr,
        names: impl IntoIterator<Item = (&'static str, Vec<Say>)>,
    ) -> io::Result<Self> {
        let names = names.into_iter();
        let zone = names.map(|(name, script)| (format!("{name}."), script));
        Self::serve(address, zone.collect()).await
    }

    async fn serve(address: SocketAddr, zone: Zone) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let socket = UdpSocket::bind(address).await?;
        let questions = Arc::default();
        let answers = Answers {
            zone: Arc::new(zone),
            questions: Arc::clone(&questions),
        };
        let over_tcp = serve_tcp(listener, answers.clone());
        let servers = [
            AbortOnDropHandle::new(tokio::spawn(serve_udp(socket, answers))),
            AbortOnDropHandle::new(tokio::spawn(over_tcp)),
        ];
        Ok(Self {
            address,
            questions,
            _servers: servers,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked, in order.
    #[must_use]
    pub fn questions(&self) -> Vec<(String, RecordType)> {
        let questions = self.questions.lock();
        questions.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Answers {
    zone: Arc<Zone>,
    questions: Arc<Mutex<Vec<(String, RecordType)>>>,
}

/// Whether a question was asked before by other means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    First,
    Again,
}

impl Answers {
    /// The answer to a question; none where the script says nothing.
    fn to(&self, question: &[u8], asked: Asked) -> Option<Message> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?;
        let (name, kind) = (
            query.name().to_ascii().to_ascii_lowercase(),
            query.query_type(),
        );
        let mut log = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let same = |other: &&(String, RecordType)| other.0 == name && other.1 == kind;
        let before = log.iter().filter(same).count();
        let turn = match asked {
            Asked::First => before,
            Asked::Again => before.saturating_sub(1),
        };
        if asked == Asked::First {
            log.push((name.clone(), kind));
        }
        let script = self.zone.get(&name).or_else(|| self.zone.get(""));
        let unknown = Say::Code(ResponseCode::NXDomain);
        let say = script.map_or(&unknown, |script| &script[turn.min(script.len() - 1)]);
        answer(&question, query.name(), kind, say)
    }
}

async fn serve_udp(socket: UdpSocket, answers: Answers) {
    let mut buffer = [0; 4096];
    loop {
        let received = socket.recv_from(&mut buffer).await;
        let (length, client) = received.expect("a datagram can be received");
        let Some(answer) = answers.to(&buffer[..length], Asked::First) else {
            continue;
        };
        let mut bytes = encoded(&answer);
        if bytes.len() > LONGEST_DATAGRAM_BYTES {
            bytes = encoded(&answer.truncate());
        }
        // A client that is gone has no use for it.
        let _unsent = socket.send_to(&bytes, client).await;
    }
}

async fn serve_tcp(listener: TcpListener, answers: Answers) {
    loop {
        let Ok((stream, _client)) = listener.accept().await else {
            continue;
        };
        // One at a time: a test asks few questions of this length.
        let _closed = converse(stream, &answers).await;
    }
}

/// Source: RFC 7766, section 8: each message is preceded by its length.
async fn converse(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut question = vec![0; length.into()];
        stream.read_exact(&mut question).await?;
        let Some(answer) = answers.to(&question, Asked::Again) else {
            continue;
        };
        let bytes = encoded(&answer);
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        stream.write_u16(length).await?;
        stream.write_all(&bytes).await?;
    }
}

fn encoded(answer: &Message) -> Vec<u8> {
    answer.to_vec().expect("a test's answer can be encoded")
}

fn answer(question: &Message, name: &Name, kind: RecordType, say: &Say) -> Option<Message> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(question.queries[0].clone());
    let mut add = |name: &Name, data| {
        answer.add_answer(Record::from_rdata(name.clone(), 0, data));
    };
    match say {
        Say::Nothing => return None,
        Say::Code(code) => answer.metadata.response_code = *code,
        Say::Addresses(addresses) => {
            for data in of_kind(addresses, kind) {
                add(name, data);
            }
        }
        Say::OneFamily(address, code) => {
            match of_kind(&[*address], kind).next() {
                Some(data) => add(name, data),
                None => answer.metadata.response_code = *code,
            };
        }
        Say::Aliases(names, addresses) => {
            let mut alias = name.clone();
            for other in names {
                let other = Name::from_ascii(other).expect("a test's name is one");
                add(&alias, RData::CNAME(CNAME(other.clone())));
                alias = other;
            }
            for data in of_kind(addresses, kind) {
                add(&alias, data);
            }
        }
    }
    Some(answer)
}

fn of_kind(addresses: &[IpAddr], kind: RecordType) -> impl Iterator<Item = RData> {
    addresses
        .iter()
        .filter_map(move |address| match (address, kind) {
            (IpAddr::V4(address), RecordType::A) => Some(RData::A(A(*address))),
            (IpAddr::V6(address), RecordType::AAAA) => Some(RData::AAAA(AAAA(*address))),
            _ => None,
        })
}
