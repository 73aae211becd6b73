//! Three functions for a page that has a WebAssembly machine: room for a text, the answer to a question, and room given back.
//!
//! What is asked stands in the documentation of [`towtank::Page`]. One machine is one page: it keeps the mesh that was opened last. A
//! machine that trapped is not to be asked again; a new one has nothing open.

use std::cell::RefCell;

use towtank::Page;

thread_local! {
    static PAGE: RefCell<Page> = RefCell::default();
}

/// Gives `length` bytes that the host writes a text to.
#[unsafe(no_mangle)] // The host finds it by this name; nothing else here is called so.
pub extern "C" fn room(length: usize) -> *mut u8 {
    Box::leak(vec![0; length].into_boxed_slice()).as_mut_ptr()
}

/// Takes back `length` bytes at `start`.
///
/// # Safety
/// They came from [`room`] with the same `length`, or from [`ask`] with that of the whole answer, and are used no more.
#[unsafe(no_mangle)] // As above.
pub unsafe extern "C" fn leave(start: *mut u8, length: usize) {
    // SAFETY: the caller says so, and both made a boxed slice of this length.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, length)) });
}

/// Answers a question: a text whose first line is its name and the rest its body. At the returned place stand the answer's length in
/// four bytes, lowest first, and the answer; the host leaves it with [`leave`].
///
/// # Safety
/// `question` came from [`room`] with the same `length` and is handed over: it is left here.
#[unsafe(no_mangle)] // As above.
pub unsafe extern "C" fn ask(question: *mut u8, length: usize) -> *mut u8 {
    // SAFETY: the caller says so, and `room` made a boxed slice of this length.
    let question = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(question, length)) };
    let text = String::from_utf8_lossy(&question);
    let (name, body) = text.split_once('\n').unwrap_or((&text, ""));
    let answer = PAGE.with_borrow_mut(|page| page.ask(name, body));
    let length = u32::try_from(answer.len()).unwrap_or(u32::MAX);
    let bytes = [&length.to_le_bytes(), answer.as_bytes()].concat();
    Box::leak(bytes.into_boxed_slice()).as_mut_ptr()
}
