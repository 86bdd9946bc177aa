// What the engine needs to write answers or to score rows, and what it gives back. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/data/sample.h"

namespace attune {

struct Sampling {
    double temperature = 0; // 0 = greedy
    std::int64_t topK = 0;  // 0 = off
    double topP = 1.0;
    double repetitionPenalty = 1.0;
    std::uint64_t seed = 0;
    std::int64_t maxTokens = 256;
    std::vector<std::string> stop;
};

struct Prompt { // exactly one of the three
    std::vector<Message> messages = {};
    std::string text = {};
    std::vector<std::int64_t> ids = {};
};

struct GeneratedText {
    std::string text;
    std::vector<std::int64_t> tokens;
    std::string finish; // "stop", "length", "cancelled"
};

struct GenerateRequest {
    std::string model;
    std::string adapter; // run folder or PEFT folder; empty = base
    std::vector<Prompt> prompts;
    Sampling sampling;
    int pane = 0;
    std::string precision = "auto";
    bool eightBit = false; // read the weights from a copy in 8 bits: faster, answers may differ in places
    bool speculate = true; // check several guessed tokens in one pass where guesses come true; never changes an answer
};

struct ScoreRequest {
    std::string model, adapter;
    std::vector<std::vector<std::int64_t>> rows;
    std::string precision = "f32";
};

} // namespace attune
