/*
 * A target that costs next to nothing, so that a bench measures the client: one thread, one epoll loop, every address of
 * 127.0.0.0/8 on five ports. Compiled by target.ts, which also drives it.
 *
 *   ok      answers 200          hung   accepts, never answers       reset  accepts, then resets
 *   mortal  answers 200 until "die" closes its listening socket: then connections are refused, until "live"
 *   slow    answers 200 after the time that "delay MS" sets
 *
 * Standard output says the ports once. Standard input takes one command a line; each is answered by a line. Its end is ours.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OK, HUNG, RESET, MORTAL, SLOW, KINDS };
enum { FDS = 1 << 20, EVENTS = 512, ACCEPTS_AT_ONCE = 64, WAITING = 1 << 18 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n";
static const char LAST_ANSWER[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

static struct connection { uint8_t open, kind; uint32_t generation; } connections[FDS];
static struct { int fd; uint32_t generation; uint8_t last; double dueMs; } waiting[WAITING];
static uint32_t waitingHead, waitingTail;
static int listeners[KINDS], ports[KINDS], poller;
static unsigned long hits[KINDS];
static double delayMs;

static double nowMs(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static void watch(int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/* Port 0 lets the kernel choose; afterwards ports[kind] is known and kept. */
static void openListener(int kind) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(ports[kind])};
  socklen_t length = sizeof address;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (void *)&address, sizeof address) || listen(fd, 65535)) {
    perror("Cannot listen");
    exit(1);
  }
  getsockname(fd, (void *)&address, &length);
  ports[kind] = ntohs(address.sin_port);
  listeners[kind] = fd;
  watch(fd, EPOLLIN);
}

static void end(int fd, int reset) {
  struct linger now = {1, 0};
  if (reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  connections[fd].open = 0;
  connections[fd].generation++;
  close(fd);
}

static void acceptSome(int kind) {
  for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
    int fd = accept4(listeners[kind], 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= FDS) { close(fd); continue; }
    connections[fd].open = 1;
    connections[fd].kind = kind;
    if (kind == HUNG || kind == RESET) hits[kind]++;
    if (kind == RESET) { end(fd, 1); continue; }
    watch(fd, kind == HUNG ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP);
  }
}

static void answer(int fd, int last) {
  send(fd, last ? LAST_ANSWER : ANSWER, (last ? sizeof LAST_ANSWER : sizeof ANSWER) - 1, MSG_NOSIGNAL);
  if (last) end(fd, 0);
}

/* Requests are taken to arrive whole, as those of health checks do. */
static void readRequests(int fd) {
  static char bytes[65536];
  struct connection *connection = &connections[fd];
  ssize_t count = connection->kind == HUNG ? 0 : recv(fd, bytes, sizeof bytes, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) { end(fd, 0); return; }
  int last = memmem(bytes, count, "onnection: close", 16) || memmem(bytes, count, "HTTP/1.0\r\n", 10);
  char *at = bytes;
  while (connection->open && (at = memmem(at, bytes + count - at, "\r\n\r\n", 4))) {
    at += 4;
    hits[connection->kind]++;
    if (connection->kind != SLOW || delayMs == 0) { answer(fd, last); continue; }
    if (waitingTail - waitingHead == WAITING) { end(fd, 1); return; }
    waiting[waitingTail % WAITING].fd = fd;
    waiting[waitingTail % WAITING].generation = connection->generation;
    waiting[waitingTail % WAITING].last = last;
    waiting[waitingTail++ % WAITING].dueMs = nowMs() + delayMs;
  }
}

/* Answers what is due; how long until the next one is, ms, -1 = none. */
static int answerSlowly(void) {
  while (waitingHead != waitingTail) {
    double leftMs = waiting[waitingHead % WAITING].dueMs - nowMs();
    int fd = waiting[waitingHead % WAITING].fd;
    if (leftMs > 0) return (int)leftMs + 1;
    if (waiting[waitingHead % WAITING].generation == connections[fd].generation)
      answer(fd, waiting[waitingHead % WAITING].last);
    waitingHead++;
  }
  return -1;
}

static void obey(char *line) {
  if (!strncmp(line, "stats", 5)) {
    for (int kind = 0; kind < KINDS; kind++) printf("%lu ", hits[kind]);
    puts("");
    return;
  }
  if (!strncmp(line, "die", 3) && listeners[MORTAL] >= 0) {
    close(listeners[MORTAL]);
    listeners[MORTAL] = -1;
  } else if (!strncmp(line, "live", 4) && listeners[MORTAL] < 0) openListener(MORTAL);
  else if (!strncmp(line, "delay ", 6)) delayMs = atof(line + 6);
  puts("done");
}

static void readCommands(void) {
  static char text[4096];
  static size_t length;
  ssize_t count = read(0, text + length, sizeof text - 1 - length);
  if (count <= 0) exit(0);
  length += count;
  text[length] = 0;
  char *line = text, *stop;
  while ((stop = strchr(line, '\n'))) {
    *stop = 0;
    obey(line);
    line = stop + 1;
  }
  length -= line - text;
  memmove(text, line, length);
}

int main(void) {
  struct rlimit files;
  struct epoll_event events[EVENTS];
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, 0, _IOLBF, 0);
  poller = epoll_create1(EPOLL_CLOEXEC);
  for (int kind = 0; kind < KINDS; kind++) openListener(kind);
  for (int kind = 0; kind < KINDS; kind++) printf("%d ", ports[kind]);
  puts("");
  watch(0, EPOLLIN);
  for (;;) {
    int count = epoll_wait(poller, events, EVENTS, answerSlowly());
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd, kind = 0;
      if (fd == 0) { readCommands(); continue; }
      if (connections[fd].open) { readRequests(fd); continue; }
      while (kind < KINDS && listeners[kind] != fd) kind++;
      if (kind < KINDS) acceptSome(kind);
    }
  }
}
