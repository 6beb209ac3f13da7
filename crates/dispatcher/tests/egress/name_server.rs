//! A name server over UDP that answers as scripted.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

/// What it says to one question.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// These addresses, of the family that was asked for, good for no time.
    Addresses(Vec<IpAddr>),
    /// That the name is another's, which has these addresses.
    Alias(&'static str, Vec<IpAddr>),
    /// These addresses, and the code to the question for the other family.
    OneFamily(IpAddr, ResponseCode),
    /// A code.
    Code(ResponseCode),
    /// Nothing.
    Nothing,
}

impl Say {
    pub(crate) fn addresses(texts: &[&str]) -> Self {
        Self::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
    }
}

/// The server; it stops when dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    questions: Arc<Mutex<Vec<(String, RecordType)>>>,
    _server: AbortOnDropHandle<()>,
}

impl NameServer {
    /// Answers the questions for A with the script in their order, its last entry again and again;
    /// those for AAAA with the same entry as the question for A that belongs to them.
    pub(crate) async fn start(script: Vec<Say>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let questions = Arc::default();
        let server = serve(socket, script, Arc::clone(&questions));
        Self {
            address,
            questions,
            _server: AbortOnDropHandle::new(tokio::spawn(server)),
        }
    }

    /// What was asked, in order.
    pub(crate) fn questions(&self) -> Vec<(String, RecordType)> {
        self.questions.lock().unwrap().clone()
    }
}

async fn serve(socket: UdpSocket, script: Vec<Say>, log: Arc<Mutex<Vec<(String, RecordType)>>>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let query = &question.queries[0];
        let (name, kind) = (query.name().clone(), query.query_type());
        let asked_before = {
            let mut log = log.lock().unwrap();
            let same = log.iter().filter(|(_, asked)| *asked == kind).count();
            log.push((name.to_ascii().to_ascii_lowercase(), kind));
            same
        };
        let say = &script[asked_before.min(script.len() - 1)];
        if let Some(answer) = answer(&question, &name, kind, say) {
            socket.send_to(&answer, client).await.unwrap();
        }
    }
}

fn answer(question: &Message, name: &Name, kind: RecordType, say: &Say) -> Option<Vec<u8>> {
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
        Say::Alias(other, addresses) => {
            let other = Name::from_ascii(other).unwrap();
            add(name, RData::CNAME(CNAME(other.clone())));
            for data in of_kind(addresses, kind) {
                add(&other, data);
            }
        }
    }
    Some(answer.to_vec().unwrap())
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
