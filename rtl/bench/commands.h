// The commands that drive a board, a line each, from standard input:
//   timing …                  as in main.cpp
//   write REGISTER VALUE      a write on the bus, decimal or 0x…
//   read REGISTER             writes what the register holds
//   wait MASK VALUE CYCLES    until CONTROL & MASK is VALUE; writes CONTROL, or `late` after so many reads
//   reset CYCLES              resets the accelerator, but not what memory holds
#pragma once
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "memory.h"

template <typename Board>
int obey(Board& board) {
  constexpr int controlRegister = 1;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    in.unsetf(std::ios::basefield);
    std::string command;
    in >> command;
    uint32_t a = 0, b = 0, c = 0;
    if (command == "timing") {
      Timing timing;
      timing.read(in);
      board.setTiming(timing);
    } else if (command == "write" && in >> a >> b) {
      board.write(a, b);
    } else if (command == "read" && in >> a) {
      std::printf("%u\n", board.read(a));
    } else if (command == "wait" && in >> a >> b >> c) {
      uint32_t control = board.read(controlRegister);
      for (; c > 0 && (control & a) != b; c--) control = board.read(controlRegister);
      std::printf(c > 0 ? "%u\n" : "late %u\n", control);
    } else if (command == "reset" && in >> a) {
      board.reset(a);
    } else {
      std::fprintf(stderr, "unknown command: %s\n", line.c_str());
      return 1;
    }
    std::fflush(stdout);
  }
  return 0;
}
