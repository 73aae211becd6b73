//! Which requests are sent where nobody gave any: one for each class of the described streams, and a witness for each route.

use smol_str::SmolStr;

use super::dial::stranger;
use crate::envoy::request::Request;
use crate::envoy::router::{RequestView, Router};
use crate::traffic::scenario::Stream;
use crate::traffic::streams::{self, Class};

/// The most classes of one stream that are sent; more are sampled evenly.
pub(crate) const CLASSES_MAX: usize = 1000;

/// Requests for one proxy.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    pub requests: Vec<Request>,
    /// Classes of streams that were left out, by stream.
    pub left_out: Vec<(SmolStr, u64)>,
    /// Streams of which no requests can be made, with the reason.
    pub problems: Vec<String>,
}

/// The requests of `streams`, and the automatic ones of the router's table. Their ids count from 0.
pub(crate) fn plan<'s>(router: &Router, streams: impl IntoIterator<Item = &'s Stream>) -> Plan {
    let mut plan = Plan::default();
    for stream in streams {
        match streams::expand(stream) {
            Ok(classes) => plan.take(&stream.name, classes),
            Err(problem) => plan.problems.push(problem.to_string()),
        }
    }
    for stream in streams::automatic(router) {
        plan.take(&stream.name, stream.classes);
    }
    for (i, request) in plan.requests.iter_mut().enumerate() {
        request.id = i.into();
        // A listener on all addresses has none that can be dialled.
        if router.address(&RequestView::from(&*request)).is_some_and(|a| a.is_unspecified()) {
            request.address = Some(stranger(router.table()));
        }
    }
    plan
}

impl Plan {
    fn take(&mut self, stream: &SmolStr, classes: Vec<Class>) {
        let count = classes.len();
        let step = count.div_ceil(CLASSES_MAX).max(1);
        let before = self.requests.len();
        self.requests.extend(classes.into_iter().step_by(step).map(|c| c.request));
        let left_out = count - (self.requests.len() - before);
        if left_out > 0 {
            self.left_out.push((stream.clone(), left_out as u64));
        }
    }
}
