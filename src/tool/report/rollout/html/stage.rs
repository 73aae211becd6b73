//! One stage of a way: what is applied, what happens meanwhile, and the way back from there.

use super::Way;
use crate::analysis::rollout::{Action, Item, Moment, Window};
use crate::envoy::words;
use crate::istio::clients::Audience;
use crate::tool::report::html::{Excerpt, Excerpts, Tone};
use crate::tool::report::rollout::{Results, happens, name, verb, version, written};

/// What leads from one state to the next.
#[derive(Debug)]
pub(super) struct Stage {
    pub name: String,
    pub tone: Tone,
    pub text: String,
    pub deeds: Vec<Deed>,
    /// Those that begin with it.
    pub accidents: Vec<Accident>,
    /// From the middle of it, and last from its end.
    pub back: Vec<Way>,
    /// What follows, in the words of who describes the rollout.
    pub then: Option<String>,
}

/// One object that is applied or deleted.
#[derive(Debug)]
pub(super) struct Deed {
    /// The wave, where there are several; else empty.
    pub wave: String,
    pub verb: &'static str,
    pub object: String,
    pub place: String,
    /// Its text, where it was made for the plan.
    pub manifest: Option<String>,
}

/// What happens to requests on the way.
#[derive(Debug)]
pub(super) struct Accident {
    pub harm: String,
    pub tone: Tone,
    pub whom: String,
    pub when: String,
    pub requests: String,
    pub deed: String,
    pub place: String,
    pub excerpt: Option<Excerpt>,
    pub example: Option<String>,
    moment: Moment,
}

impl Stage {
    /// The stages of an order or a plan, with what happens in each.
    pub(super) fn path(
        waves: &[&[Action]],
        accidents: Vec<Accident>,
        items: &[Item],
        results: &Results<'_>,
    ) -> Vec<Stage> {
        let mut out: Vec<Stage> = Vec::new();
        for (n, wave) in (1..).zip(waves) {
            let lasting = accidents.iter().filter(|a| a.lasts_at(n)).map(|a| a.tone).max();
            out.push(Stage {
                name: n.to_string(),
                tone: lasting.unwrap_or(Tone::Good),
                text: String::new(),
                deeds: wave.iter().map(|a| Deed::new(0, a, items, results)).collect(),
                accidents: Vec::new(),
                back: Vec::new(),
                then: None,
            });
        }
        for accident in accidents {
            let at = accident.begins().checked_sub(1).and_then(|n| out.get_mut(n));
            if let Some(stage) = at {
                stage.accidents.push(accident);
            }
        }
        out
    }

    /// What stands in its badge; empty where nothing is to be said.
    pub(super) fn risk(&self) -> &'static str {
        match self.tone {
            Tone::Bad => "loses requests",
            Tone::Warning => "may lose requests",
            Tone::Good => "nothing is lost",
            _ => "",
        }
    }
}

impl Deed {
    /// `wave` is told from 1 on.
    pub(super) fn new(wave: usize, action: &Action, items: &[Item], results: &Results<'_>) -> Deed {
        let version = version(items, action);
        Deed {
            wave: if wave == 0 { String::new() } else { wave.to_string() },
            verb: verb(version),
            object: name(items, action),
            place: written(items, action, results.sources),
            manifest: version.and_then(|v| v.made.clone()),
        }
    }

    pub(super) fn lines(&self) -> Vec<&str> {
        self.manifest.as_deref().unwrap_or_default().lines().collect()
    }
}

impl Accident {
    pub(super) fn new(
        window: &Window,
        audience: &Audience,
        results: &Results<'_>,
        excerpts: &mut Excerpts<'_>,
    ) -> Accident {
        let a = &window.accident;
        let place = a
            .then
            .source
            .as_ref()
            .map(|source| format!("{}  {}", words::place(source.at, results.sources), words::written_by(source)));
        Accident {
            harm: format!("{}{}", a.harm.as_str(), if a.is_proven() { "" } else { ", possibly" }),
            tone: if a.is_proven() { Tone::Bad } else { Tone::Warning },
            whom: audience.to_string(),
            when: happens(window),
            requests: a.region.to_words(),
            deed: a.then.deed.clone(),
            place: place.unwrap_or_default(),
            excerpt: a.then.source.as_ref().and_then(|source| excerpts.rule(source.at)),
            example: a.witness.as_ref().map(words::request),
            moment: window.moment,
        }
    }

    /// The step with which it begins, from 1.
    fn begins(&self) -> usize {
        match self.moment {
            Moment::Between { after, .. } => after,
            Moment::Push { to, .. } => to,
        }
    }

    /// Whether it happens in the state behind a step, or while the step is taken.
    fn lasts_at(&self, step: usize) -> bool {
        match self.moment {
            Moment::Between { after, until } => (after..until).contains(&step),
            Moment::Push { to, .. } => to == step,
        }
    }
}
