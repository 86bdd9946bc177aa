#include "ui/views/data/row_tokens.h"

#include "ui/bridge/qt_convert.h"

namespace attune {

Result<TokenizedRow> tokensOf(const PromptFormat& format, const Sample& sample) {
    switch (sample.kind) {
    case SampleKind::Text:
        return format.textRow(sample.text, 0);
    case SampleKind::Chat:
        return format.trainingRow(sample.messages, TrainOn::Completion, 0);
    case SampleKind::Preference:
    case SampleKind::Unpaired: {
        std::vector<Message> whole = sample.messages;
        whole.push_back(chosenMessage(sample));
        return format.trainingRow(whole, TrainOn::Completion, 0);
    }
    case SampleKind::PromptOnly:
        break;
    }
    TokenizedRow row;
    ATTUNE_ASSIGN(row.ids, format.promptIds(sample.messages));
    row.trained.assign(row.ids.size(), false);
    row.promptTokens = row.ids.size();
    return row;
}

std::vector<TokenView::Token> tokenBoxes(const PromptFormat& format, const TokenizedRow& row) {
    const Tokenizer& tokenizer = format.tokenizer();
    std::vector<TokenView::Token> tokens;
    tokens.reserve(row.ids.size());
    for (std::size_t i = 0; i < row.ids.size(); ++i) {
        TokenView::Token token;
        token.id = row.ids[i];
        token.special = tokenizer.isSpecial(row.ids[i]);
        token.trained = row.trained[i];
        token.text = token.special ? qstr(tokenizer.idToToken(row.ids[i]).value_or(std::string()))
                                   : qstr(tokenizer.tokenBytes(row.ids[i]));
        tokens.push_back(std::move(token));
    }
    return tokens;
}

} // namespace attune
