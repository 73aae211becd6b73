//! Rollouts: the way from one mesh to another, step by step.
//!
//! In: the manifests of two stations. What differs is parted into [`Item`]s, those into groups that have nothing to do with
//! each other; a state of a group is the version that each of its items is in. Every state, and what a proxy holds while it
//! is told of one, is compared with both ends. Out: a [`Plan`]. Nothing is drawn here and nothing shown.

mod accident;
mod controllers;
mod ground;
mod item;
#[cfg(test)]
mod laws;
mod names;
mod opened;
mod order;
mod part;
mod plan;
mod ports;
mod radius;
mod rehearsal;
mod search;
mod shift;
mod step;
mod transition;
mod union;
mod yaml;

pub(crate) use controllers::rollouts;
pub(crate) use item::{Item, Version};
pub(crate) use opened::{Opened, file_name, folder_name, open_both, orders_of, plan_of, rehearse_in};
pub(crate) use order::{Action, Moment, Tool, Window, place};
pub(crate) use plan::{Back, Order, Orders, Plan, Safe};
pub(crate) use radius::Scaled;
pub(crate) use rehearsal::{At, COUNTED, Flow, Move, Rehearsal, Share, Supposed, differing_users, moved};
pub(crate) use shift::{Shift, shift};
pub(crate) use step::{Document, Rollout, Step};
pub(crate) use union::{joined, text};
