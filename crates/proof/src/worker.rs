//! A process of our own beside this one: it tells how far it has come on standard output, a line
//! of JSON each time, and takes orders on standard input.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{interval, timeout};

/// How often a process tells how far it has come.
const TELLING: Duration = Duration::from_millis(100);
/// How long it may take to say its first line.
const BEGINNING: Duration = Duration::from_secs(30);
/// How long it may take to end: longer than a publisher's last tries.
const ENDING: Duration = Duration::from_secs(120);

/// What a process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Work.
    Go,
    /// Finish what is under way, and begin nothing.
    Hold,
    /// Finish what is under way, and end.
    Enough,
}

impl Order {
    const ALL: [Self; 3] = [Self::Go, Self::Hold, Self::Enough];

    const fn word(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Hold => "hold",
            Self::Enough => "enough",
        }
    }
}

/// The orders on standard input. It begins with [`Order::Go`]; where the input ends, it is enough.
pub(crate) fn orders() -> watch::Receiver<Order> {
    let (given, orders) = watch::channel(Order::Go);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(order) = Order::ALL.into_iter().find(|order| order.word() == line) {
                given.send_replace(order);
            }
        }
        given.send_replace(Order::Enough);
    });
    orders
}

/// Tells how far this process has come, again and again.
pub(crate) async fn tell<P: Serialize>(now: impl Fn() -> P) {
    let mut ticks = interval(TELLING);
    loop {
        ticks.tick().await;
        // Nobody listens any more: the input will have ended too.
        if say(&now()).is_err() {
            return;
        }
    }
}

/// Tells it once.
pub(crate) fn say<P: Serialize>(progress: &P) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(progress)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// Another process. Dropping it kills it.
#[derive(Debug)]
pub struct Worker<P> {
    name: String,
    child: Child,
    /// Until it is enough.
    input: Option<ChildStdin>,
    progress: watch::Receiver<Option<P>>,
}

impl<P: DeserializeOwned + Clone + Send + Sync + 'static> Worker<P> {
    /// Starts this program with a subcommand and arguments, and returns once it has told how far
    /// it is.
    ///
    /// # Errors
    /// When it can't be started, or says nothing.
    pub async fn start(program: &Path, name: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        let output = child.stdout.take().context("its output is piped")?;
        let input = child.stdin.take().context("its input is piped")?;
        let (told, progress) = watch::channel(None);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(progress) = serde_json::from_str(&line) {
                    told.send_replace(Some(progress));
                }
            }
        });
        let mut worker = Self {
            name: name.to_owned(),
            child,
            input: Some(input),
            progress,
        };
        let begun = worker.progress.wait_for(Option::is_some);
        let begun = timeout(BEGINNING, begun).await.map(|told| told.is_ok());
        ensure!(begun == Ok(true), "the {name} doesn't begin");
        Ok(worker)
    }

    /// How far it has come, as it told last.
    ///
    /// # Panics
    /// Never: it has told once when it was made.
    #[must_use]
    pub fn progress(&self) -> P {
        let told = self.progress.borrow().clone();
        told.expect("it has told once when it was made")
    }

    /// Gives it an order.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn order(&mut self, order: Order) -> anyhow::Result<()> {
        let line = format!("{}\n", order.word());
        let gone = || format!("the {} is gone", self.name);
        let input = self.input.as_mut().with_context(gone)?;
        let sent = input.write_all(line.as_bytes()).await;
        sent.with_context(gone)
    }

    /// Lets it finish what is under way, and returns how far it came.
    ///
    /// # Errors
    /// When it fails, or takes longer than two minutes.
    pub async fn end(&mut self) -> anyhow::Result<P> {
        // The end of its input says that it is enough, and lets go of the thread that reads it, for
        // which the process would wait.
        self.input = None;
        let ended = timeout(ENDING, self.child.wait()).await;
        let name = &self.name;
        let status = ended.with_context(|| format!("the {name} doesn't end"))??;
        ensure!(status.success(), "the {name} ended with {status}");
        // What it said last is read to its end.
        while self.progress.changed().await.is_ok() {}
        Ok(self.progress())
    }
}
