//! The picture, as lines of text.

use super::api::Trouble;
use super::figures::{Figures, Queue};

/// How wide the text is made; a narrower terminal cuts it off.
const WIDTH: usize = 100;

/// Whether what is bad is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// For files and pipes.
    Plain,
    /// For terminals that understand ANSI's escape sequences.
    Colours,
}

/// A piece of text, and whether somebody should look at it.
struct Piece {
    text: String,
    tone: Tone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Fine,
    Notable,
    Bad,
}

impl Paint {
    fn show(self, piece: &Piece) -> String {
        let text = &piece.text;
        match (self, piece.tone) {
            (Self::Plain, _) | (Self::Colours, Tone::Fine) => text.clone(),
            (Self::Colours, Tone::Notable) => format!("\x1b[33m{text}\x1b[0m"),
            (Self::Colours, Tone::Bad) => format!("\x1b[1;31m{text}\x1b[0m"),
        }
    }

    /// Pieces one after the other, each in a column of so many characters.
    fn columns(self, columns: impl IntoIterator<Item = (usize, Piece)>) -> String {
        let mut line = String::new();
        for (width, piece) in columns {
            let pad = width.saturating_sub(piece.text.chars().count());
            line.push_str(&self.show(&piece));
            line.extend(std::iter::repeat_n(' ', pad));
        }
        line.trim_end().to_owned()
    }
}

fn fine(text: impl Into<String>) -> Piece {
    Piece {
        text: text.into(),
        tone: Tone::Fine,
    }
}

/// Notable or bad where there is any of it.
fn toned(text: String, amount: f64, tone: Tone) -> Piece {
    let tone = if amount > 0.0 { tone } else { Tone::Fine };
    Piece { text, tone }
}

/// Everything, line by line.
pub(super) fn lines(figures: &Figures, paint: Paint) -> Vec<String> {
    let mut lines = vec![title(figures, paint), String::new()];
    lines.extend(flow(figures, paint));
    lines.push(String::new());
    lines.extend(queues(&figures.queues, paint));
    lines.push(String::new());
    lines.extend(tiers(figures));
    lines.push(String::new());
    lines.push(ledger(figures, paint));
    lines.push(String::new());
    lines.extend(trouble(figures, paint));
    lines
}

fn title(figures: &Figures, paint: Paint) -> String {
    let answer = figures.asked - figures.silent.len();
    let mut line = format!("Posthaste  {answer} of {} answer", figures.asked);
    let mut tell = |what: &str, whom: &[String]| {
        if !whom.is_empty() {
            let text = format!("  {what}: {}", whom.join(", "));
            line.push_str(&paint.show(&toned(text, 1.0, Tone::Bad)));
        }
    };
    tell("silent", &figures.silent);
    tell("not ready", &figures.not_ready);
    if figures.not_ready.is_empty() {
        line.push_str("  all parts ready");
    }
    line
}

/// The rates, from left to right as events go.
fn flow(figures: &Figures, paint: Paint) -> Vec<String> {
    let (rates, delays) = (&figures.rates, &figures.delays);
    let rate = |name: &str, rate: f64, tone| {
        let text = format!("{name} {}", per_second(rate));
        (20, toned(text, rate, tone))
    };
    let number = |name: &str, number: f64, tone| {
        let text = format!("{name} {}", count(number));
        (20, toned(text, number, tone))
    };
    let delay = |name: &str, delay| (20, fine(format!("{name} {}", time(delay))));
    let label = |text: &str| (12, fine(text));
    let rows = [
        vec![
            label("events/s"),
            rate("HTTP", rates.by_http, Tone::Fine),
            rate("inbox", rates.by_inbox, Tone::Fine),
            rate("refused", rates.refused, Tone::Notable),
            rate("503", rates.not_accepted, Tone::Bad),
        ],
        vec![
            label("attempts/s"),
            rate("delivered", rates.delivered, Tone::Fine),
            rate("failed", rates.failed, Tone::Notable),
            rate("gone", rates.gone, Tone::Notable),
            rate("put off", rates.put_off, Tone::Notable),
        ],
        vec![
            label("dispatchers"),
            number("in flight", figures.in_flight, Tone::Fine),
            number("in hand", figures.in_hand, Tone::Fine),
            number("breakers open", figures.open, Tone::Bad),
            number("half open", figures.half_open, Tone::Notable),
        ],
        vec![
            label("p99 within"),
            delay("fan-out", delays.fanout),
            delay("1st attempt", delays.dispatch),
            delay("receiver", delays.attempt),
            delay("confirm", delays.confirm),
        ],
        vec![
            label(""),
            delay("Postgres", delays.postgres),
            rate("deliveries/s", rates.deliveries, Tone::Fine),
        ],
    ];
    rows.into_iter().map(|row| paint.columns(row)).collect()
}

fn queues(queues: &[Queue], paint: Paint) -> Vec<String> {
    let row = |cells: [Piece; 5]| {
        let widths = [14, 14, 14, 12, 0];
        paint.columns(widths.into_iter().zip(cells))
    };
    let head = ["queue", "messages", "a second", "consumers", "of"].map(fine);
    let rows = queues.iter().map(|queue| {
        let tone = if queue.consumers > 0.0 || queue.kind == "quarantine" {
            Tone::Fine
        } else {
            Tone::Bad
        };
        row([
            fine(queue.kind),
            toned(count(queue.messages), queue.growth, Tone::Notable),
            toned(format!("{:+.0}", queue.growth), queue.growth, Tone::Notable),
            toned(count(queue.consumers), 1.0, tone),
            fine(queue.role),
        ])
    });
    std::iter::once(row(head)).chain(rows).collect()
}

/// Seven tiers to a line: there are fourteen.
fn tiers(figures: &Figures) -> Vec<String> {
    let told: Vec<String> = figures
        .tiers
        .iter()
        .map(|(name, waiting)| format!("{:<12}", format!("{name} {}", count(*waiting))))
        .collect();
    let rows = told.chunks(7).map(|row| {
        let row = format!("{:12}{}", "", row.concat());
        row.trim_end().to_owned()
    });
    let mut rows: Vec<String> = rows.collect();
    if let Some(first) = rows.first_mut() {
        *first = first.replacen("            ", "retry in    ", 1);
    }
    rows
}

fn ledger(figures: &Figures, paint: Paint) -> String {
    let states = figures.ledger.iter();
    let mut line = String::from("on record   ");
    for (state, deliveries) in states {
        line.push_str(&format!("{state} {}  ", count(*deliveries)));
    }
    let missing = format!("missing {}", count(figures.missing));
    line.push_str(&paint.show(&toned(missing, figures.missing, Tone::Bad)));
    line
}

fn trouble(figures: &Figures, paint: Paint) -> Vec<String> {
    match &figures.trouble {
        Some(Ok(trouble)) => of_console(trouble),
        Some(Err(error)) => {
            let told = format!("the console: {error}");
            vec![paint.show(&toned(told, 1.0, Tone::Bad))]
        }
        None => vec!["with POSTHASTE_KEY it names endpoints and tenants, too".to_owned()],
    }
}

fn of_console(trouble: &Trouble) -> Vec<String> {
    let alone = trouble.left_alone.iter().map(|one| {
        let (tenant, host) = (&one.tenant, &one.host);
        format!("  {tenant}  {host}  {}  {}", one.reason, one.endpoint)
    });
    let backlogs = trouble.backlogs.iter().map(|one| {
        let (first, later) = (count(one.first), count(one.later));
        format!(
            "  {}  {first} first attempts, {later} later ones",
            one.tenant
        )
    });
    let mut lines = Vec::new();
    for (title, rows) in [
        ("endpoints left alone", alone.collect::<Vec<_>>()),
        ("tenants that wait", backlogs.collect()),
    ] {
        let title = if rows.is_empty() {
            format!("{title}: none")
        } else {
            title.to_owned()
        };
        lines.push(title);
        lines.extend(rows.iter().map(|row| printable(row)));
    }
    lines
}

/// What others have named, in a line of ours: no escape sequence of theirs reaches the terminal.
fn printable(text: &str) -> String {
    let shown = text.chars().filter(|c| !c.is_control());
    shown.take(WIDTH).collect()
}

/// With a decimal where it is small.
fn per_second(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 {
        format!("{rate:.1}")
    } else {
        count(rate)
    }
}

/// With its thousands set off.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A bucket's bound.
fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(bound) if bound.is_infinite() => "> 10 h".to_owned(),
        Some(bound) if bound < 1.0 => format!("{} ms", bound * 1e3),
        Some(bound) => format!("{bound} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_people_read_them() {
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(999.4), "999");
        assert_eq!(count(-1_000.0), "-1,000");
        assert_eq!(per_second(2.25), "2.2");
        assert_eq!(per_second(0.0), "0");
        assert_eq!(time(Some(0.0025)), "2.5 ms");
        assert_eq!(time(Some(f64::INFINITY)), "> 10 h");
    }

    #[test]
    fn trouble_stands_out_where_there_are_colours() {
        let figures = Figures {
            open: 3.0,
            ..Figures::default()
        };
        let shown = |paint| lines(&figures, paint).join("\n");
        assert!(shown(Paint::Plain).contains("breakers open 3"));
        assert!(!shown(Paint::Plain).contains('\x1b'));
        assert!(shown(Paint::Colours).contains("\x1b[1;31mbreakers open 3\x1b[0m"));
    }

    #[test]
    fn a_name_cannot_write_to_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb"), "a[2Jb");
    }
}
