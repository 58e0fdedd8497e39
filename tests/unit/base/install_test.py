# SPDX-License-Identifier: Apache-2.0
"""Installs into an empty folder and builds tests/support/consumer.c against what lies there.

Arguments: source root, build root, C compiler. Speaks TAP. Nothing of the source tree is on the
include path, so a header that is not installed, or a symbol that is not exported, shows here.
"""
import os
import shlex
import subprocess
import sys
import tempfile

source, build, compiler = sys.argv[1:4]
failed = 0
count = 0


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, **more).stdout


def check(name, call):
    global failed, count
    count += 1
    try:
        call()
        print(f'ok {count} - {name}')
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        failed += 1
        print(f'not ok {count} - {name}')
        for line in (str(error) + '\n' + (getattr(error, 'output', '') or '')).splitlines():
            print('#', line)


def find(root, name):
    for folder, _, names in os.walk(root):
        if name in names:
            return os.path.join(folder, name)
    raise AssertionError(f'{name} is not installed')


def pkg_config(root, *what):
    pc = find(root, 'till.pc')
    prefix = pc[:pc.index('/lib')]
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc))
    return shlex.split(run('pkg-config', f'--define-variable=prefix={prefix}', *what, 'till', env=env))


def consume(root, is_static):
    program = os.path.join(root, 'consumer')
    libs = pkg_config(root, '--libs', *(['--static'] if is_static else []))
    if is_static:
        libs = ['-l:libtill.a' if word == '-ltill' else word for word in libs]
    run(*shlex.split(compiler), '-std=c17', '-Wall', '-Wextra', '-Werror', '-o', program,
        os.path.join(source, 'tests/support/consumer.c'), *pkg_config(root, '--cflags'), *libs)
    needs_shared = 'libtill.so.0' in run('readelf', '-d', program)
    assert needs_shared != is_static, 'linked the wrong way'
    folder = os.path.dirname(find(root, 'libtill.so.0'))
    env = dict(os.environ, LD_LIBRARY_PATH='' if is_static else folder)
    assert run(program, env=env) == '9.90\n'


def exports_only_till(root):
    lines = run('nm', '-D', '--defined-only', find(root, 'libtill.so.0')).splitlines()
    names = [line.split()[-1].split('@')[0] for line in lines]
    strange = [name for name in names if not name.startswith('till_') and name != 'TILL_0']
    assert not strange, f'exported: {strange}'
    assert len(names) > 80, f'only {len(names)} symbols'


def headers_stand_alone(root):
    folder = os.path.dirname(find(root, 'str.h'))
    for name in sorted(os.listdir(folder)):
        if name.endswith('.h'):
            run(*shlex.split(compiler), '-std=c17', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                *pkg_config(root, '--cflags'), '-include', os.path.join(folder, name), '-x', 'c', os.devnull)


def manual_is_there(root):
    find(root, 'till.3')


with tempfile.TemporaryDirectory() as root:
    check('the library installs into an empty folder',
          lambda: run('meson', 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', root,
                      '--tags', 'devel,man'))
    check('a consumer builds and runs with the shared library', lambda: consume(root, False))
    check('a consumer builds and runs with the static library', lambda: consume(root, True))
    check('the shared library shows the functions of till alone', lambda: exports_only_till(root))
    check('every installed header compiles by itself', lambda: headers_stand_alone(root))
    check('the manual page is installed', lambda: manual_is_there(root))
print(f'1..{count}')
sys.exit(1 if failed else 0)
