// SPDX-License-Identifier: Apache-2.0

// smartwalle/alipay behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/smartwalle/alipay/v3"
)

type place struct {
	AppID        string            `json:"app_id"`
	PrivateKey   map[string]string `json:"private_key"`
	PublicKey    string            `json:"platform_public_key"`
	AppCert      string            `json:"app_cert"`
	PlatformCert string            `json:"platform_cert"`
	RootCert     string            `json:"root_cert"`
	AESKey       string            `json:"aes_key"`
	Gateway      string            `json:"gateway"`
	Production   bool              `json:"production"`
}

type ask struct {
	Do         string            `json:"do"`
	Client     string            `json:"client"`
	KeyForm    string            `json:"key_form"`
	Place      place             `json:"place"`
	Method     string            `json:"method"`
	Business   json.RawMessage   `json:"business"`
	NotifyURL  string            `json:"notify_url"`
	ReturnURL  string            `json:"return_url"`
	How        string            `json:"how"`
	Rule       string            `json:"rule"`
	Form       map[string]string `json:"form"`
	File       string            `json:"file"`
	Unverified bool              `json:"unverified"`
}

type lacks string

func (l lacks) Error() string { return string(l) }

var clients = map[string]*alipay.Client{}

func open(a *ask) (any, error) {
	p := &a.Place
	form := a.KeyForm
	if form == "" {
		form = "pkcs1"
	}
	var options []alipay.OptionFunc
	if p.Gateway != "" { // without one the SDK's own address stays
		options = append(options, alipay.WithSandboxGateway(p.Gateway), alipay.WithProductionGateway(p.Gateway))
	}
	client, err := alipay.New(p.AppID, p.PrivateKey[form], p.Production, options...)
	if err != nil {
		return nil, err
	}
	if p.AESKey != "" {
		err = client.SetEncryptKey(p.AESKey)
	}
	if err == nil {
		err = loadTrust(client, p)
	}
	clients[a.Client] = client
	return true, err
}

func loadTrust(client *alipay.Client, p *place) error {
	if p.AppCert == "" {
		return client.LoadAliPayPublicKey(p.PublicKey)
	}
	if err := client.LoadAppCertPublicKey(p.AppCert); err != nil {
		return err
	}
	if err := client.LoadAliPayRootCert(p.RootCert); err != nil {
		return err
	}
	return client.LoadAlipayCertPublicKey(p.PlatformCert)
}

// fill makes the SDK's parameter structure of a method from the business document and the addresses.
func fill[P any](a *ask) (P, error) {
	var param P
	if err := json.Unmarshal(a.Business, &param); err != nil {
		return param, err
	}
	for name, value := range map[string]string{"NotifyURL": a.NotifyURL, "ReturnURL": a.ReturnURL} {
		field := reflect.ValueOf(&param).Elem().FieldByName(name)
		if field.IsValid() && value != "" {
			field.SetString(value)
		}
	}
	return param, nil
}

func typed[P any, R any](send func(*alipay.Client, context.Context, P) (R, error)) func(*ask) (any, error) {
	return func(a *ask) (any, error) {
		param, err := fill[P](a)
		if err != nil {
			return nil, err
		}
		return send(clients[a.Client], context.Background(), param)
	}
}

var calls = map[string]func(*ask) (any, error){
	"alipay.trade.precreate":                         typed((*alipay.Client).TradePreCreate),
	"alipay.trade.query":                             typed((*alipay.Client).TradeQuery),
	"alipay.trade.refund":                            typed((*alipay.Client).TradeRefund),
	"alipay.trade.fastpay.refund.query":              typed((*alipay.Client).TradeFastPayRefundQuery),
	"alipay.trade.cancel":                            typed((*alipay.Client).TradeCancel),
	"alipay.trade.close":                             typed((*alipay.Client).TradeClose),
	"alipay.trade.create":                            typed((*alipay.Client).TradeCreate),
	"alipay.trade.pay":                               typed((*alipay.Client).TradePay),
	"alipay.data.dataservice.bill.downloadurl.query": typed((*alipay.Client).BillDownloadURLQuery),
}

func call(a *ask) (any, error) {
	send, known := calls[a.Method]
	if !known {
		return nil, lacks("smartwalle/alipay has no call for " + a.Method)
	}
	answer, err := send(a)
	var refused *alipay.Error // an answer without a signature
	if errors.As(err, &refused) {
		return refused, nil
	}
	return answer, err
}

func upload(a *ask) (any, error) {
	payload := alipay.NewPayload(a.Method)
	payload.Encrypt = false
	var business map[string]any
	if err := json.Unmarshal(a.Business, &business); err != nil {
		return nil, err
	}
	for name, value := range business {
		payload.AddBizField(name, value)
	}
	bytes, err := base64.StdEncoding.DecodeString(a.File)
	if err != nil {
		return nil, err
	}
	payload.AddObject("file_content", "coffee.png", strings.NewReader(string(bytes)))
	var answer map[string]any
	err = clients[a.Client].Request(context.Background(), payload, &answer)
	return answer, err
}

func page(a *ask) (any, error) {
	if a.How != "GET" {
		return nil, lacks("smartwalle/alipay builds addresses, no forms")
	}
	client := clients[a.Client]
	var address *url.URL
	var err error
	switch a.Method {
	case "alipay.trade.page.pay":
		var param alipay.TradePagePay
		if param, err = fill[alipay.TradePagePay](a); err == nil {
			address, err = client.TradePagePay(param)
		}
	case "alipay.trade.wap.pay":
		var param alipay.TradeWapPay
		if param, err = fill[alipay.TradeWapPay](a); err == nil {
			address, err = client.TradeWapPay(param)
		}
	default:
		err = lacks("smartwalle/alipay has no page for " + a.Method)
	}
	if err != nil {
		return nil, err
	}
	return address.String(), nil
}

func orderString(a *ask) (any, error) {
	param, err := fill[alipay.TradeAppPay](a)
	if err != nil {
		return nil, err
	}
	return clients[a.Client].TradeAppPay(param)
}

func values(form map[string]string) url.Values {
	all := url.Values{}
	for name, value := range form {
		all.Set(name, value)
	}
	return all
}

func notified(a *ask) (any, error) {
	if a.Rule != "v1" {
		return nil, lacks("smartwalle/alipay verifies by the rule without sign_type only")
	}
	if a.Form["notify_id"] != "" {
		_, err := clients[a.Client].DecodeNotification(context.Background(), values(a.Form))
		return err == nil, nil
	}
	return clients[a.Client].VerifySign(context.Background(), values(a.Form)) == nil, nil
}

// requested plays the platform: RSA by PKCS#1 v1.5 gives one signature, so what the SDK makes of the same parameters is what was sent.
func requested(a *ask) (any, error) {
	form := values(a.Form)
	sign := form.Get("sign")
	form.Del("sign")
	signature, err := clients[a.Client].SignValues(form)
	return err == nil && base64.StdEncoding.EncodeToString(signature) == sign, err
}

var verbs = map[string]func(*ask) (any, error){
	"open": open, "call": call, "upload": upload, "page": page, "order_string": orderString, "notified": notified, "requested": requested,
}

func answer(a *ask) (reply map[string]any) {
	defer func() {
		if bad := recover(); bad != nil {
			reply = map[string]any{"refused": fmt.Sprint("panic: ", bad)}
		}
	}()
	verb, known := verbs[a.Do]
	if !known {
		return map[string]any{"lacks": "smartwalle/alipay has no call for " + a.Do}
	}
	value, err := verb(a)
	var missing lacks
	if errors.As(err, &missing) {
		return map[string]any{"lacks": string(missing)}
	}
	if err != nil {
		return map[string]any{"refused": err.Error()}
	}
	return map[string]any{"value": value}
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a ask
		if err := json.Unmarshal(line, &a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := out.Encode(answer(&a)); err != nil {
			os.Exit(2)
		}
	}
}
