/* The cheapest honest HTTP target for benches: one thread, one epoll loop, every address of this machine at one port.
 * Answers each request with 200 and two bytes of body; keeps the connection as HTTP/1.1 does, closes when asked to.
 * cc -O2 -o target target.c && ./target PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

static void serve(int fd) {
  char request[8192];
  ssize_t bytes = recv(fd, request, sizeof request - 1, 0);
  if (bytes <= 0) {
    if (bytes == 0 || errno != EAGAIN) close(fd);
    return;
  }
  send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(count > 1 ? atoi(words[1]) : 18280)};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&any, sizeof any) || listen(listener, 4096)) return perror("target"), 1;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  puts("listening");
  fflush(stdout);
  while (1) {
    int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd);
        continue;
      }
      for (int taken = 0; taken < 64; taken++) {
        int fd = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) break;
        event.data.fd = fd;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
      }
    }
  }
}
