# SPDX-License-Identifier: Apache-2.0
"""libtill's objects must not ask for sockets, files, clocks, threads, the environment or a log."""
import re
import subprocess
from pathlib import Path

BANNED = re.compile(
    r"^(socket|connect|accept4?|bind|listen|send(to|msg)?|recv(from|msg)?|select|poll|ppoll|epoll_\w+|getaddrinfo|gethostby\w+|"
    r"open(at)?(64)?|creat(64)?|fopen(64)?|freopen(64)?|fdopen|read|write|pread(64)?|pwrite(64)?|close|unlink|rename|mkdir|stat(64)?|lstat(64)?|fstat(64)?|"
    r"opendir|dlopen|mmap(64)?|"
    r"time|clock|clock_gettime|gettimeofday|nanosleep|usleep|sleep|localtime(_r)?|gmtime(_r)?|mktime|strftime|"
    r"pthread_\w+|thrd_\w+|mtx_\w+|fork|vfork|exec\w*|system|popen|kill|signal|sigaction|"
    r"getenv|secure_getenv|setenv|putenv|environ|setlocale|"
    r"printf|__printf_chk|puts|putchar|fputs|fputc|fwrite|fprintf|__fprintf_chk|vfprintf|__vfprintf_chk|perror|stdout|stderr|syslog|"
    r"getrandom|getentropy|rand|random|srand|arc4random\w*|iconv\w*|exit|_exit|atexit)$")


def undefined(path):
    """Names that the object or archive needs from outside."""
    text = subprocess.run(["nm", "-u", str(path)], capture_output=True, text=True, check=True).stdout
    return sorted({line.split()[-1].split("@")[0] for line in text.splitlines() if re.match(r"\s+[UwvV] ", line)})


def judge(path):
    return [f"{path.name} needs {name}" for name in undefined(path) if BANNED.match(name)]


def compile_object(folder, source):
    path = Path(folder, "wall.c")
    path.write_text(source, encoding="utf-8")
    target = Path(folder, "wall.o")
    subprocess.run(["cc", "-c", "-O1", "-o", str(target), str(path)], check=True)
    return target


BROKEN = [
    ("#include <time.h>\ntime_t f(void) { return time(0); }\n", "time"),
    ("#include <stdlib.h>\nchar *f(void) { return getenv(\"X\"); }\n", "getenv"),
    ("#include <stdio.h>\nint f(void) { return puts(\"x\"); }\n", "puts"),
    ("#include <fcntl.h>\nint f(void) { return open(\"x\", 0); }\n", "open"),
    ("#include <sys/socket.h>\nint f(void) { return socket(1, 1, 0); }\n", "socket"),
    ("#include <pthread.h>\nint f(pthread_mutex_t *m) { return pthread_mutex_lock(m); }\n", "pthread_mutex_lock"),
]
WHOLE = "#include <string.h>\nsize_t f(const char *s) { return strlen(s); }\n"
