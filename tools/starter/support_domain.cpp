#include "tools/starter/support_domain.h"

#include <algorithm>

namespace attune::starter {

const std::vector<Product>& products() {
    static const std::vector<Product> all{
        {"kettle", {"kettle", "kettle", "electric kettle"}, true},
        {"desk lamp", {"desk lamp", "desk lamp", "lamp"}, true},
        {"toaster", {"toaster"}, true},
        {"blender", {"blender"}, true},
        {"coffee machine", {"coffee machine", "coffee machine", "coffee maker"}, true},
        {"vacuum cleaner", {"vacuum cleaner", "vacuum cleaner", "vacuum"}, true},
        {"hair dryer", {"hair dryer"}, true},
        {"alarm clock", {"alarm clock"}, true},
        {"fan", {"fan", "electric fan"}, true},
        {"phone charger", {"phone charger", "phone charger", "charger"}, true},
        {"headset", {"headset", "wireless headset"}, true},
        {"speaker", {"speaker", "small speaker"}, true},
        {"keyboard", {"keyboard"}, true},
        {"smart watch", {"smart watch"}, true},
        {"backpack", {"backpack"}, false},
        {"rain jacket", {"rain jacket"}, false},
        {"office chair", {"office chair"}, false},
        {"bookshelf", {"bookshelf"}, false},
        {"tent", {"tent", "camping tent"}, false},
        {"water bottle", {"water bottle"}, false},
    };
    return all;
}

const std::vector<Problem>& problems() {
    static const std::vector<Problem> all{
        {"delivery", "sp_delivery_late", "The {x} has not arrived yet."},
        {"delivery", "sp_delivery_tracking", "The tracking of the {x} does not move."},
        {"delivery", "sp_delivery_address", "The {x} was brought to the wrong address."},
        {"delivery", "sp_delivery_missing", "The {x} is marked as delivered but is missing."},
        {"refund", "sp_refund_return", "The customer wants to return the {x}."},
        {"refund", "sp_refund_missing", "The refund for the {x} has not been paid."},
        {"refund", "sp_refund_cancel", "The customer wants to cancel the order of the {x}."},
        {"defect", "sp_defect_dead", "The {x} does not turn on.", true},
        {"defect", "sp_defect_noise", "The {x} makes a strange noise.", true},
        {"defect", "sp_defect_stopped", "The {x} broke after {n} weeks."},
        {"defect", "sp_defect_arrived", "The {x} arrived broken."},
        {"defect", "sp_defect_part", "A part of the {x} is missing."},
        {"billing", "sp_billing_twice", "The customer was charged twice for the {x}."},
        {"billing", "sp_billing_invoice", "The customer needs an invoice for the {x}."},
        {"billing", "sp_billing_discount", "The discount for the {x} was not applied."},
        {"billing", "sp_billing_much", "The bill for the {x} is {n} euros too high."},
        {"account", "sp_account_password", "The customer cannot log in to order the {x}."},
        {"account", "sp_account_locked", "The account with the {x} order is locked."},
        {"account", "sp_account_email", "The customer wants to change the email address."},
        {"account", "sp_account_order", "The order of the {x} is not shown in the account."},
        {"wrong item", "sp_wrong_colour", "The {x} came in {d} instead of {c}."},
        {"wrong item", "sp_wrong_other", "The customer received a_ {y} instead of the {x}."},
        {"wrong item", "sp_wrong_model", "The customer received the wrong model of the {x}."},
        {"question", "sp_question_warranty", "The customer asks about the warranty of the {x}."},
        {"question", "sp_question_stock", "The customer asks when the {x} is back in stock."},
        {"question", "sp_question_clean", "The customer asks how to clean the {x}."},
        {"question", "sp_question_colour", "The customer asks whether the {x} comes in {c}."},
    };
    return all;
}

const std::vector<std::string>& categories() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> names;
        for (const Problem& problem : problems())
            if (std::find(names.begin(), names.end(), problem.category) == names.end())
                names.push_back(problem.category);
        return names;
    }();
    return all;
}

Case drawCase(Pen& pen, const Problem& problem, const Product& product, const std::string& urgency) {
    Case made{&problem, &product, nullptr, urgency, {}};
    do
        made.other = &pen.pick(products());
    while (made.other == &product);
    const std::vector<std::string> colours = pen.different("sp_colour", 2);
    const int number = pen.between(2, 12);
    pen.bind("n", pen.chance(0.7) ? numberWord(number) : std::to_string(number));
    pen.bind("c", colours[0]);
    pen.bind("d", colours[1]);
    pen.bind("order", std::to_string(pen.between(10000, 99999)));
    pen.bind("x", product.name);
    pen.bind("y", made.other->name);
    made.summary = pen.say(problem.summary);
    pen.bind("x", pen.pick(product.mentions));
    pen.bind("y", pen.pick(made.other->mentions));
    return made;
}

} // namespace attune::starter
