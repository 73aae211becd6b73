//! Two functions for whoever has a WebAssembly machine and no Rust: room for a question, and the answer to it.
//!
//! A question is JSON: `{"manifests": {"name.yaml": "text"}, "proxy": "sidecar:NAMESPACE", "request": {...}}`; without `proxy`
//! it is the first point of view. The answer is the line that `towtank explain -o jsonl` prints, or `{"error": "..."}`.

use serde_json::{Value, json};
use towtank::{Mesh, Options, Request};

/// Gives `length` bytes that the host writes a question to.
#[unsafe(no_mangle)] // The host finds it by this name; nothing else here is called so.
pub extern "C" fn room(length: usize) -> *mut u8 {
    Box::leak(vec![0; length].into_boxed_slice()).as_mut_ptr()
}

/// Answers the question of `length` bytes at `question`. At the returned place stand the answer's length in four bytes,
/// lowest first, and the answer.
///
/// # Safety
/// `question` came from [`room`] with the same `length` and is handed over: it is freed here. The answer is never freed; a host
/// that asks for long starts a new machine now and then.
#[unsafe(no_mangle)] // As above.
pub unsafe extern "C" fn answer(question: *mut u8, length: usize) -> *const u8 {
    // SAFETY: the caller says so, and `room` made a boxed slice of this length.
    let question = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(question, length)) };
    let text = answer_to(&question).unwrap_or_else(|error| json!({ "error": error }).to_string());
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let bytes = [&length.to_le_bytes(), text.as_bytes()].concat();
    Box::leak(bytes.into_boxed_slice()).as_ptr()
}

fn answer_to(question: &[u8]) -> Result<String, String> {
    let question: Value = serde_json::from_slice(question).map_err(|e| e.to_string())?;
    let manifests = question.get("manifests").and_then(Value::as_object).ok_or("there are no `manifests`")?;
    let texts = manifests.iter().map(|(name, text)| (name.as_str(), text.as_str().unwrap_or_default()));
    let mesh = Mesh::from_texts(texts, &Options::default()).map_err(|e| e.to_string())?;
    let proxy = match question.get("proxy").and_then(Value::as_str) {
        Some(name) => mesh.proxy(name).map_err(|e| e.to_string())?,
        None => mesh.proxies().into_iter().next().ok_or("there is no point of view")?,
    };
    let request = question.get("request").ok_or("there is no `request`")?;
    let request = Request::from_json(&request.to_string()).map_err(|e| e.to_string())?;
    Ok(mesh.table(&proxy).explain(&request).to_json())
}
