//! `vendas report --watch`.

use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{Answer, Format, MOST_LINES, Query, Request};
use crate::{
    cli::{CliError, print},
    outage::{Outage, Severity},
    report::{self, Room, Screen},
    store::{Store, StoreError},
};

type Look = Result<Answer, StoreError>;

/// Queries at each interval until a signal arrives.
///
/// # Errors
/// If the first query fails with a permanent error, or standard output is closed.
pub(super) async fn watch(request: Request, store: Store, every: Duration) -> Result<(), CliError> {
    let mut stop = Stop::new()?;
    let on_screen = request.format == Format::Table && io::stdout().is_terminal();
    let top = if on_screen {
        Some(request.top.map_or(MOST_LINES, |top| top.min(MOST_LINES)))
    } else {
        request.top
    };
    let looks = look(store, request.query.clone(), top, every);
    if on_screen {
        redraw(&request, looks, &mut stop).await
    } else {
        print_each(&request, looks, &mut stop).await
    }
}

/// Queries immediately and then at each interval, until the receiver is dropped.
fn look(store: Store, query: Query, top: Option<usize>, every: Duration) -> mpsc::Receiver<Look> {
    let (sender, looks) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if sender.send(query.answer(&store, top).await).await.is_err() {
                return;
            }
        }
    });
    looks
}

async fn print_each(
    request: &Request,
    mut looks: mpsc::Receiver<Look>,
    stop: &mut Stop,
) -> Result<(), CliError> {
    let outage = Outage::new("PostgreSQL");
    let mut printed = false;
    loop {
        let requested_at = Instant::now();
        let look = tokio::select! {
            () = stop.signalled() => return Ok(()),
            look = looks.recv() => look,
        };
        match look {
            None => return Ok(()),
            Some(Ok(answer)) => {
                outage.recovered(requested_at);
                // JSON objects are one per line; other blocks are separated by an empty line.
                let before = if printed && request.format != Format::Json { "\n" } else { "" };
                let heading = match (request.format, &answer) {
                    (Format::Table, Answer::Totals(totals)) => report::heading(totals) + "\n",
                    _ => String::new(),
                };
                print(&format!("{before}{heading}{}", request.text(&answer)?))?;
                printed = true;
            }
            Some(Err(StoreError::Transient(cause))) => {
                outage.failed(Severity::Transient, &cause);
            }
            Some(Err(error)) if printed => outage.failed(Severity::NeedsAttention, &error),
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

async fn redraw(
    request: &Request,
    mut looks: mpsc::Receiver<Look>,
    stop: &mut Stop,
) -> Result<(), CliError> {
    let mut resized = signal(SignalKind::window_change())?;
    let mut screen = Screen::enter()?;
    let mut seen: Option<Answer> = None;
    let mut trouble = None;
    loop {
        tokio::select! {
            () = stop.signalled() => return Ok(()),
            _ = resized.recv() => {}
            look = looks.recv() => match look {
                None => return Ok(()),
                Some(Ok(answer)) => {
                    seen = Some(answer);
                    trouble = None;
                }
                Some(Err(StoreError::Transient(cause))) => {
                    trouble = Some(format!("PostgreSQL is unavailable: {cause}"));
                }
                Some(Err(error)) if seen.is_some() => {
                    trouble = Some(format!("paused, needs attention: {error}"));
                }
                Some(Err(error)) => return Err(error.into()),
            },
        }
        let (columns, height) = screen.size();
        let mut lines = Vec::with_capacity(height);
        match &seen {
            None => lines.push("no answer yet".to_owned()),
            Some(answer) => lines.extend(answer.heading(request)),
        }
        if let Some(trouble) = &trouble {
            lines.push(report::visible(trouble));
        }
        if let Some(answer) = &seen {
            let note = answer.note(request);
            let used = lines.len() + note.iter().len();
            let room = Room::Window { columns, lines: height.saturating_sub(used) };
            lines.extend(answer.table(request, room));
            lines.extend(note);
        }
        screen.draw(&lines)?;
    }
}

/// The signals that end --watch. All of them exit with code 0, since nothing is in flight.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn signalled(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
