// DRAM with the contract's timing: a number of requests taken in each cycle, reads answered a fixed time later.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>

struct Timing {
  uint64_t latency = 12, ports = 1, numerator = 1177, denominator = 64, refreshInterval = 468, refreshCycles = 21;

  unsigned slots(uint64_t t) const {
    if (t % refreshInterval < refreshCycles) return 0;
    return std::min(ports, (t + 1) * numerator / denominator - t * numerator / denominator);
  }
};

constexpr int beatWords = 16;  // of 32 bits

struct Response {
  uint64_t cycle;
  int port;
  uint32_t data[beatWords];
};

class Memory {
 public:
  explicit Memory(size_t beats) : words_((uint32_t*)std::calloc(beats * beatWords, 4)) {}
  ~Memory() { std::free(words_); }
  Memory(const Memory&) = delete;

  uint32_t* beat(size_t address) { return words_ + address * beatWords; }

  void read(uint64_t cycle, int port, size_t address, uint64_t latency) {
    Response response{cycle + latency, port, {}};
    std::memcpy(response.data, beat(address), sizeof response.data);
    responses_.push_back(response);
  }

  // Responses of this cycle; all have the same latency, so they stand in order.
  bool next(uint64_t cycle, Response& response) {
    if (responses_.empty() || responses_.front().cycle != cycle) return false;
    response = responses_.front();
    responses_.pop_front();
    return true;
  }

 private:
  uint32_t* words_;  // calloc's pages cost nothing until they are touched
  std::deque<Response> responses_;
};
