// A memory behind AXI4 that is as awkward as the standard allows: it takes addresses and data when it likes, answers reads of
// different IDs in any order, and reads and writes at any time between a request and its answer. Ends the run where the master
// breaks a rule of the handshake.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

constexpr int axiWords = 16;  // of 32 bits in a beat

struct AxiAddress {
  uint32_t id = 0;
  uint64_t address = 0;
  bool operator==(const AxiAddress& other) const { return id == other.id && address == other.address; }
};

struct AxiBeat {
  uint32_t data[axiWords] = {};
  bool operator==(const AxiBeat& other) const { return std::memcmp(data, other.data, sizeof data) == 0; }
};

// What a master shows on a channel has to stay until it is taken.
template <typename Payload>
class Held {
 public:
  void check(const char* channel, bool valid, bool ready, const Payload& payload) {
    if (waiting_ && !(valid && payload == payload_)) {
      std::fprintf(stderr, "%s changed before it was taken\n", channel);
      std::exit(1);
    }
    waiting_ = valid && !ready;
    payload_ = payload;
  }

 private:
  bool waiting_ = false;
  Payload payload_;
};

class AxiMemory {
 public:
  explicit AxiMemory(size_t beats) : words_(beats * axiWords) {}

  // What the slave shows in this cycle.
  bool arready = false, awready = false, wready = false, rvalid = false, bvalid = false;
  uint32_t rid = 0;
  AxiBeat rdata;

  // The clock's edge, with what the master shows before it.
  void edge(bool arvalid, const AxiAddress& ar, bool awvalid, const AxiAddress& aw, bool wvalid, const AxiBeat& w,
            bool rready, bool bready, uint64_t latency, uint64_t jitter) {
    heldRead_.check("AR", arvalid, arready, ar);
    heldWrite_.check("AW", awvalid, awready, aw);
    heldData_.check("W", wvalid, wready, w);
    cycle_++;
    if (arvalid && arready) {
      const bool early = below(2);
      reads_[ar.id].push_back({ar.address, cycle_ + latency + below(jitter + 1), early, early ? beat(ar.address) : AxiBeat()});
    }
    if (awvalid && awready) addresses_.push_back(aw.address);
    if (wvalid && wready) data_.push_back(w);
    if (rvalid && rready) rvalid = false;
    if (bvalid && bready) bvalid = false;
    if (!rvalid) answerRead();
    if (!bvalid) answerWrite(jitter);
    arready = below(4) != 0;
    awready = below(2);
    wready = below(2);
  }

 private:
  struct Read {
    uint64_t address, due;
    bool early;  // the value is that of the request, else that of the answer
    AxiBeat data;
  };

  AxiBeat beat(uint64_t address) {
    AxiBeat result;
    std::memcpy(result.data, &words_[place(address)], sizeof result.data);
    return result;
  }

  size_t place(uint64_t address) const { return address / 4 % words_.size(); }

  void answerRead() {
    const uint32_t first = below(ids);
    for (uint32_t i = 0; i < ids; i++) {
      auto& waiting = reads_[(first + i) % ids];
      if (waiting.empty() || waiting.front().due > cycle_) continue;
      const Read& read = waiting.front();
      rid = (first + i) % ids;
      rdata = read.early ? read.data : beat(read.address);
      rvalid = true;
      waiting.pop_front();
      return;
    }
  }

  void answerWrite(uint64_t jitter) {
    if (addresses_.empty() || data_.empty() || below(jitter + 1) != 0) return;
    std::memcpy(&words_[place(addresses_.front())], data_.front().data, sizeof data_.front().data);
    addresses_.pop_front();
    data_.pop_front();
    bvalid = true;
  }

  uint32_t below(uint32_t bound) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    return random_ % bound;
  }

  static constexpr uint32_t ids = 64;
  std::vector<uint32_t> words_;
  std::deque<Read> reads_[ids];
  std::deque<uint64_t> addresses_;
  std::deque<AxiBeat> data_;
  Held<AxiAddress> heldRead_, heldWrite_;
  Held<AxiBeat> heldData_;
  uint64_t cycle_ = 0;
  uint32_t random_ = 0x2545f491;
};
