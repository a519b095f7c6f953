//! The dashboard's files are carried by the binary: a new build of them is a new build of this.

fn main() {
    println!("cargo:rerun-if-changed=ui/dist");
}
