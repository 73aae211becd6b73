//! Requests for the meshes of `mesh.rs`.

use towtank::Request;

/// A fixed mix: every kind of path, every third with the header that a rule asks for, some that match nothing.
pub fn requests(services: usize, count: usize) -> Vec<Request> {
    // Steps through services and rules without a random number generator.
    let request = |i: usize| {
        let (service, rule) = (i * 7919 % services, i / 3 % 4);
        let path = match i % 5 {
            0 => format!("/s{service}/r{rule}"),
            1 => format!("/s{service}/r{rule}/x"),
            2 => format!("/s{service}/r{rule}/v{}/y", i % 9),
            3 => format!("/s{service}/other"),
            _ => "/nothing".to_owned(),
        };
        let request: Request = format!("GET http://shop.example.com{path}").parse().expect("a good request");
        if i.is_multiple_of(3) { request.with_header("x-user", &format!("u{rule}")) } else { request }
    };
    (0..count).map(request).collect()
}
