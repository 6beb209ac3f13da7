//! Compiles proto/ without needing a protoc on the machine.

use std::io;

fn main() -> io::Result<()> {
    const ROOT: &str = "../../proto";
    let files = ["posthaste/v1/event.proto", "posthaste/v1/internal.proto"];
    println!("cargo::rerun-if-changed={ROOT}");
    let descriptors = protox::compile(files, [ROOT]).map_err(io::Error::other)?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(descriptors)
}
