"""The recipe of the tree that it stands in:  conan create docs/packaging/conan  (Conan 2)"""

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class HybridBufferConan(ConanFile):
    name = "hybridbuffer"
    description = "A byte buffer that lives in memory and moves to storage when its policy says so"
    license = "MIT"
    topics = ("buffer", "spill", "storage", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "with_checksum": [True, False],
        "with_compression": [True, False],
        "with_encryption": [True, False],
        "with_redis": [True, False],
        "with_s3": [True, False],
        "with_views": [True, False],
    }
    default_options = {
        "with_checksum": False,
        "with_compression": False,
        "with_encryption": False,
        "with_redis": False,
        "with_s3": False,
        "with_views": False,
    }
    no_copy_source = True

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def set_version(self):
        header = load(self, os.path.join(self._root, "include", "hybridbuffer", "version.hpp"))
        self.version = ".".join(re.findall(r"^#define HYBRIDBUFFER_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, re.MULTILINE))

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "README.md", "cmake/*", "include/*"):
            copy(self, pattern, self._root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        if self.options.with_checksum:
            self.requires("isa-l/2.30.0")
        if self.options.with_compression:
            self.requires("lz4/1.9.4")
            self.requires("snappy/1.1.10")
            self.requires("xxhash/0.8.2")
            self.requires("zlib/[>=1.2.11 <2]")
            self.requires("zstd/1.5.5")
        if self.options.with_encryption or self.options.with_redis or self.options.with_s3:
            self.requires("openssl/[>=3 <4]")
        if self.options.with_redis:
            self.requires("hiredis/1.2.0")
        if self.options.with_s3:
            self.requires("expat/[>=2.6.2 <3]")
            self.requires("libcurl/[>=7.85 <9]")
        if self.options.with_views:
            self.requires("range-v3/0.12.0")

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 23)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("HybridBuffer is for Linux")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "CONFORMANCE", "BENCHMARKS", "DOCS"):
            toolchain.cache_variables[f"HYBRIDBUFFER_BUILD_{part}"] = False
        toolchain.generate()

    def build(self):
        pass  # header-only

    def package(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share"))  # CMakeDeps and PkgConfigDeps write these files for their users

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "HybridBuffer")
        core = self._component("core", "HybridBuffer::HybridBuffer", "hybridbuffer", [])
        if self.options.with_views:
            core.requires.append("range-v3::range-v3")
        if self.options.with_checksum:
            self._component("checksum", "HybridBuffer::checksum", "hybridbuffer-checksum", ["core", "isa-l::isa-l"])
        if self.options.with_compression:
            libraries = ["lz4::lz4", "snappy::snappy", "xxhash::xxhash", "zlib::zlib", "zstd::zstd"]
            self._component("compression", "HybridBuffer::compression", "hybridbuffer-compression", ["core", *libraries])
        if self.options.with_encryption:
            self._component("encryption", "HybridBuffer::encryption", "hybridbuffer-encryption", ["core", "openssl::crypto"])
        if self.options.with_redis:
            libraries = ["hiredis::hiredis", "openssl::ssl", "openssl::crypto"]
            self._component("redis", "HybridBuffer::redis", "hybridbuffer-redis", ["core", *libraries])
        if self.options.with_s3:
            libraries = ["expat::expat", "libcurl::libcurl", "openssl::crypto"]
            self._component("s3", "HybridBuffer::s3", "hybridbuffer-s3", ["core", *libraries])

    def _component(self, name, target, module, requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", target)
        component.set_property("pkg_config_name", module)
        component.requires = requires
        component.bindirs = []
        component.libdirs = []
        return component
