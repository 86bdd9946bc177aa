#include "tools/starter/grammar/grammar.h"

namespace attune::starter::grammar {

// x is the product the message is about, y another one; n a number of days or weeks, both bound by the writer.
std::string_view support() {
    return R"(
@sp_colour
black, white, red, blue, green, grey
@sp_shop
your shop, your online shop, your website, you
@@sp_delivery_late
I ordered a_ {x} {n} days ago and it still has not arrived.
the {x} that I ordered {n} days ago is still not here.
I have been waiting for my {x} for {n} days now.
{n} days have passed since I ordered the {x}, but the postman brought nothing.
it has been {n} days and there is still no sign of the {x} I bought.
@@sp_delivery_tracking
the tracking page for my {x} has shown the same place for {n} days.
the tracking number of the {x} does not move any more.
according to the tracking, the parcel with the {x} has been standing still for {n} days.
I keep looking at the tracking of my {x}, but nothing has changed for {n} days.
@@sp_delivery_address
the parcel with the {x} was taken to the wrong address.
the driver left my {x} at a house in another street.
my {x} was brought to my old address, although I gave you the new one.
it seems that the {x} went to a stranger, because the wrong street was on the parcel.
@@sp_delivery_missing
the {x} is marked as delivered, but there was no parcel at my door.
your page says that the {x} was delivered, yet I never got it.
I got a message that my {x} had been handed over, but nobody here has seen it.
it says delivered next to the {x}, but my doorstep is empty.
@@sp_refund_return
I would like to send the {x} back and get my money back.
the {x} does not fit my needs, so I want to return it for a refund.
I have changed my mind about the {x}. how can I give it back and get my money?
the {x} is too big for us. please take it back and return the money.
I do not want to keep the {x}. what must I do to get my money back?
@@sp_refund_missing
I sent the {x} back {n} days ago, but the refund has not been paid.
the returned {x} reached you {n} days ago and I am still waiting for my money.
you got the {x} back long ago, but I have not seen the refund yet.
after I returned the {x}, you promised a refund, but nothing has come to my bank account for {n} days.
@@sp_refund_cancel
please cancel my order for the {x} and give me my money back.
I do not need the {x} any more. can the order be stopped and refunded?
I ordered the {x} by mistake and would like to cancel it and be refunded.
could you stop the order of the {x} and pay back what I paid?
@@sp_defect_dead
the {x} does not turn on any more.
when I press the button, the {x} stays dead.
my {x} no longer starts, whatever I try.
nothing happens when I switch the {x} on.
@@sp_defect_stopped
the {x} stopped working after {n} weeks.
after only {n} weeks the {x} gave up.
my {x} worked for {n} weeks and then it broke.
it took just {n} weeks until the {x} was broken.
@@sp_defect_arrived
the {x} arrived broken.
when I opened the box, the {x} had a big crack.
the {x} came out of the parcel with a crack on one side.
I unpacked the {x} and found it damaged.
@@sp_defect_part
there is a part of the {x} missing, so I cannot use it.
the {x} came without one of its parts.
in the box with the {x} one part was missing.
one piece of the {x} was not in the box.
@@sp_defect_noise
the {x} makes a strange noise when I use it.
there is a loud noise coming from the {x}.
every time I use the {x}, I hear a strange noise.
my {x} has begun to make a terrible noise.
@@sp_billing_twice
I was charged twice for the {x}.
the money for the {x} was taken from my card two times.
on my bank statement the {x} appears twice.
you took the payment for one {x} two times.
@@sp_billing_invoice
I need an invoice for the {x}, but there was none in the box.
please send me the invoice for the {x}.
my office asks for the invoice of the {x}, and I cannot find it.
could I have a bill for the {x}? none came with it.
@@sp_billing_discount
the discount code was not applied when I paid for the {x}.
I had a code for {n} percent off the {x}, but I paid the full price.
my voucher for the {x} was not taken off the bill.
the bill for the {x} does not show the discount of {n} percent.
@@sp_billing_much
the bill for the {x} is {n} euros higher than the price on the page.
I paid {n} euros more for the {x} than it said on the page.
the price of the {x} on my bill is {n} euros too high.
why is the {x} {n} euros dearer on the bill than in the shop?
@@sp_account_password
I forgot my password and cannot log in to order the {x}.
I wanted to buy the {x}, but my password is not accepted.
the page does not take my password any more, so I cannot order the {x}.
to order the {x} I have to log in, and my password does not work.
@@sp_account_locked
my account is locked, so I cannot see my order of the {x}.
since I bought the {x}, my account has been locked.
I cannot get into my account to look at the order of the {x}, because it is locked.
your page says that my account is locked. all I wanted was to order the {x}.
@@sp_account_email
please change the email address in my account. you still have the old one from when I bought the {x}.
I have a new email address and cannot change it in my account. it is the account with the {x} order.
my account with the {x} order shows an old email address that I cannot change.
how do I change the email address of my account? I used it to buy the {x}.
@@sp_account_order
my order of the {x} is not shown in my account.
when I log in, my account does not list the {x} that I ordered.
the {x} that I bought does not appear in my account.
I see no order of the {x} when I open my account.
@@sp_wrong_colour
I ordered the {x} in {c}, but it came in {d}.
my {x} is {d}, although I had chosen {c}.
you sent me a {d} {x}. I wanted the {c} one.
the {x} in the box was {d} and not {c}.
@@sp_wrong_other
I ordered a_ {x}, but there was a_ {y} in the box.
instead of the {x} that I bought, you sent me a_ {y}.
a_ {y} came in the parcel, but my order was for a_ {x}.
in the box I found a_ {y} and not the {x} I had ordered.
@@sp_wrong_model
you sent me the wrong model of the {x}.
the {x} that came is not the model that I chose.
I received another model of the {x} than the one in my order.
this is not the {x} model that I picked on your page.
@@sp_question_warranty
how long is the warranty on the {x}?
can you tell me whether the {x} comes with a warranty?
I would like to know how many years of warranty the {x} has.
what about the warranty for the {x}?
@@sp_question_stock
when will the {x} be in stock again?
I see that the {x} is sold out. do you know when it will be back?
is it true that the {x} will be available again soon?
the {x} is sold out at the moment. when can I buy one?
@@sp_question_clean
how do I clean the {x} without damaging it?
what is the best way to clean the {x}?
can you explain to me how to clean the {x}?
is there anything special I should use to clean the {x}?
@@sp_question_colour
does the {x} also come in {c}?
do you have the {x} in {c} as well?
is there a {c} version of the {x}?
I like the {x}, but I would need it in {c}. do you sell that?
@@sp_high
this is very urgent.
please help me today.
I need an answer by tomorrow morning.
I must have this solved today.
please call me back at once.
we leave on a trip tomorrow, so there is no time left.
it cannot wait any longer.
this is the third time I am writing, please act now.
my patience is at an end, please answer immediately.
the birthday is tomorrow!
please treat this as an emergency.
I need it within the next few hours.
every hour counts for me.
@@sp_low
there is no hurry.
please take your time.
it is not urgent at all.
an answer next month is early enough.
I am in no rush.
it can wait until you have a quiet moment.
whenever you have time is fine.
answer when it suits you.
it is only a small thing and can wait.
this is not important right now.
no need to answer quickly.
@@sp_medium
please answer this week.
I would be glad of an answer in the next few days.
could you let me know by the end of the week?
I hope to hear from you this week.
please look into it in the coming days.
a reply within a few days would be good.
I look forward to your answer this week.
please get back to me in two or three days.
@@sp_side
the {y} from the same order is fine.
I also have a_ {y} from you, and it works well.
the {y} that I bought in {month} was no problem.
my {relative} has a_ {y} from you and is very happy with it.
by the way, the {y} arrived safely.
everything is fine with the {y}.
@@sp_chat
I have been a customer for {number} years.
I have told my {relative} about your shop.
I order from you every {month}.
I found {sp_shop} through a friend.
I am writing from {town}.
I paid by card.
my neighbour told me about {sp_shop}.
my order number is {order}.
the order was made in {month}.
I placed the order on a {day}.
)";
}

} // namespace attune::starter::grammar
