//! test/c/<name>_test.c: one program each. test/fuzz/<name>_fuzz.c: each with the driver.
//! All link the sanitised library and print "N passed, N failed" last.

const std = @import("std");
const library = @import("library.zig");

pub fn addStep(b: *std.Build, sources: library.Sources, target: std.Build.ResolvedTarget) void {
    const step = b.step("test", "Run the C tests and the fuzzers");
    const internal = library.static(b, sources, target, library.Build.testing);
    for (library.filesEndingIn(b, "test/c", "_test.c")) |path| {
        step.dependOn(run(b, sources, target, internal, &.{path}));
    }
    for (library.filesEndingIn(b, "test/fuzz", "_fuzz.c")) |path| {
        step.dependOn(run(b, sources, target, internal, &.{ path, "test/fuzz/driver.c" }));
    }
}

fn run(
    b: *std.Build,
    sources: library.Sources,
    target: std.Build.ResolvedTarget,
    internal: *std.Build.Step.Compile,
    files: []const []const u8,
) *std.Build.Step {
    const root = library.cModule(b, target, library.Build.testing);
    root.addIncludePath(b.path("lib"));
    root.addCSourceFiles(.{ .files = files, .flags = library.flags(b, sources.version) });
    root.linkLibrary(internal);
    const name = std.fs.path.stem(files[0]);
    const program = b.addRunArtifact(b.addExecutable(.{ .name = name, .root_module = root }));
    program.setName(b.fmt("run {s}", .{name}));
    program.setCwd(b.path(".")); // tests read models/ and test/goldens/
    return &program.step;
}
